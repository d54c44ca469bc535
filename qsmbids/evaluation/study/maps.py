"""The maps in a folder of derivatives, by series and method."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from qsmbids.bids.names import desc_label, entities_of
from qsmbids.bids.results import Failure, find_failures, find_series
from qsmbids.bids.series_results import Derivative, SeriesResults

_UNNAMED = "chi"  # what a map without desc is called


@dataclass(frozen=True)
class Map:
    """One map to be measured, or why there is none."""

    method: str  # what the tables call it
    image: Derivative | None
    mask: Path | None = None  # where it is known
    problem: str = ""


@dataclass
class Scan:
    """The maps of one series of one participant, its reference and its labels.

    Attributes
    ----------
    key : str
        The entities that the names of the maps share.
    maps : list of Map
        One for each method.
    reference, labels : Path or None
        None if there is none.
    problem : str
        Why there is no reference.
    """

    key: str
    maps: list[Map] = field(default_factory=list)
    reference: Path | None = None
    labels: Path | None = None
    problem: str = ""

    @property
    def entities(self) -> dict[str, str]:
        """The entities of the key."""
        return entities_of(Path(f"{self.key}_Chimap"))

    @property
    def participant(self) -> str:
        """The participant's label."""
        return self.entities.get("sub", "")


def scans_of(folder: Path, participants: Iterable[str], references: set[Path]) -> Iterator[Scan]:
    """Yield the scans of one folder, each with every method of the folder."""
    found: dict[str, dict[str, Map]] = {}
    failures: dict[str, Failure] = {}
    for participant in participants:
        for failure in find_failures(folder, participant):
            failures[failure.series] = failure
            found.setdefault(failure.series, {})
        for series in find_series(folder, participant):
            maps = [*_maps_of(series, participant, references)]
            if maps:  # else it is a reference's
                key = re.sub("^sub-[^_]*", f"sub-{participant}", series.key)
                found.setdefault(key, {}).update((one.method, one) for one in maps)
    methods = dict.fromkeys(method for maps in found.values() for method in maps)
    for key, made in found.items():
        reason = _reason(key, failures.get(key))
        yield Scan(key, [made.get(m) or Map(m, None, problem=reason) for m in methods])


def _maps_of(series: SeriesResults, participant: str, references: set[Path]) -> Iterator[Map]:
    mask = series.images.get("eroded")
    astray = not f"{series.key}_".startswith(f"sub-{participant}_")
    for desc, image in series.chimaps.items():
        if image.path.resolve() not in references:
            problem = (
                f"{image.path.name} lies in the folder of sub-{participant}; move or rename it."
            )
            yield Map(
                _method(desc, image), image, mask.path if mask else None, problem if astray else ""
            )


def _method(desc: str, image: Derivative) -> str:
    """Return the method that the sidecar names, unless the file has a label of its own."""
    name = str(image.provenance.get("Method") or "")
    return name if name and desc in (_UNNAMED, desc_label(name)) else desc


def _reason(key: str, failure: Failure | None) -> str:
    if failure is None:
        return f"{key} has no map of this method; process it, or see the run's log."
    return failure.message
