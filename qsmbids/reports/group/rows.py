"""One row for each map of a study, each failure and each series that is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qsmbids.bids.names import entities_of
from qsmbids.bids.results import find_failures, own_series
from qsmbids.bids.series_results import read_json
from qsmbids.reports.checks.lights import lights_path

GOOD, LOOK, FAILED, MISSING, UNCHECKED = "good", "look", "failed", "missing", "unchecked"
STATUS = {
    GOOD: "all checks lie in their ranges",
    LOOK: "a check is outside of its range, or a later run of the series failed",
    FAILED: "there is no map, and the last run failed",
    MISSING: "there is no map, and no failure either",
    UNCHECKED: "there is a map but no file of its checks; --reports-only makes it",
}


@dataclass(frozen=True)
class Measure:
    """One number that is measured of every map, or of every series.

    Attributes
    ----------
    name, unit : str
    of_series : bool
        Whether all maps of a series share it.
    """

    name: str
    unit: str
    of_series: bool

    @property
    def column(self) -> str:
        """The name as that of a column.

        >>> Measure("Mask's surface, R2*", "mm", True).column
        'masks_surface_r2'
        """
        return "_".join(re.findall(r"[a-z0-9]+", self.name.lower().replace("'s", "s")))


@dataclass(frozen=True)
class Light:
    """A measure's value for one map, the range expected there, and what it says if it is red."""

    value: float
    expected: tuple[float | None, float | None]
    good: bool


@dataclass
class Row:
    """One map, or one series that has none.

    Attributes
    ----------
    participant : str
        Label without ``sub-``.
    series : str
        The entities that its files share.
    method : str
        ``desc`` of the map; empty where there is none.
    status : str
        One of ``STATUS``.
    message : str
        What is likely wrong, why it failed, or why it is missing.
    red, warnings : int
        Checks outside of their ranges, and warnings in the sidecar.
    lights : dict of Measure to Light
    outliers : list of str
        Names of the measures by which it stands out in the study.
    """

    participant: str
    series: str
    method: str = ""
    status: str = GOOD
    message: str = ""
    red: int = 0
    warnings: int = 0
    lights: dict[Measure, Light] = field(default_factory=dict)
    outliers: list[str] = field(default_factory=list)

    @property
    def session(self) -> str:
        """The session with ``ses-``; empty if there is none."""
        label = entities_of(Path(f"{self.series}_Chimap")).get("ses")
        return f"ses-{label}" if label else ""

    @property
    def rest(self) -> str:
        """What tells the series apart within its session: ``acq-x_run-1``, or nothing."""
        named = (one for one in self.series.split("_") if not one.startswith(("sub-", "ses-")))
        return "_".join(named)


def gather_rows(output_dir: Path, participants: Iterable[str]) -> list[Row]:
    """Return the maps and the failures that stand in an output folder, in order of their names.

    No image is opened: what was measured of a map stands in the file of its lights.

    Parameters
    ----------
    output_dir : Path
        The output dataset.
    participants : iterable of str
        Labels without ``sub-``.
    """
    return [row for label in participants for row in _rows_of(output_dir, label)]


def _rows_of(output_dir: Path, participant: str) -> Iterator[Row]:
    failed = {one.series: one.message for one in find_failures(output_dir, participant)}
    for series in own_series(output_dir, participant):
        told = read_json(lights_path(output_dir, participant, series.key))
        failure = failed.pop(series.key, "") if series.chimaps else ""
        for desc, image in series.chimaps.items():
            row = Row(participant, series.key, series.method(desc))
            row.warnings = len(image.provenance.get("Warnings") or [])
            _judge(row, told, (told.get("Maps") or {}).get(desc) or [], failure)
            yield row
    for key, message in failed.items():
        yield Row(participant, key, status=FAILED, message=message)


def _judge(
    row: Row, told: Mapping[str, Any], of_map: Iterable[Mapping[str, Any]], failure: str
) -> None:
    """Note what the checks of a series and of its map say, or that there are none."""
    if not told:
        row.status = UNCHECKED
    texts = []
    for one, of_series in [
        *((x, True) for x in told.get("Series") or []),
        *((x, False) for x in of_map),
    ]:
        measure = Measure(str(one["Name"]), str(one["Units"]), of_series)
        value = float("nan") if one["Value"] is None else float(one["Value"])
        row.lights[measure] = Light(value, (one["From"], one["To"]), bool(one["Good"]))
        if not one["Good"]:
            texts.append(str(one["Text"]))
    row.red = len(texts)
    if failure:
        texts.insert(0, f"The last run of the series failed; this map is older. {failure}")
    if texts:
        row.status, row.message = LOOK, texts[0]
