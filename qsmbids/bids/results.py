"""What stands in an output folder for one participant: series, their files, and failures."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from qsmbids.bids.series_results import ROLES, Derivative, SeriesResults, read_json
from qsmbids.bids.sidecar import read_curves
from qsmbids.errors import InputError

PICTURES = ("wrapped", "unwrapped", "noise", "residual")
"""What a run has drawn of the echoes, for the participant's page."""
RUN = "run.json"
"""In a participant's log folder: by what the last run that processed it was made."""
SPACE = "_space-"
"""In the key of what was brought to a template's space."""


@dataclass(frozen=True)
class Failure:
    """A series that could not be processed."""

    series: str
    stage: str
    message: str
    crashfile: str


def participants_made(output_dir: Path, wanted: Collection[str] = ()) -> list[str]:
    """Return the labels of participants of whom the output folder holds results or failures.

    Parameters
    ----------
    output_dir : Path
        The output folder.
    wanted : collection of str
        Labels; all by default.

    Raises
    ------
    InputError
        If there are none, or one that is wanted is not among them.
    """
    failed = output_dir.glob("logs/sub-*/*_error.json")
    folders = [*output_dir.glob("sub-*/"), *(path.parent for path in failed)]
    made = sorted({path.name.removeprefix("sub-") for path in folders})
    absent = sorted(set(wanted) - set(made))
    if absent or not made:
        who = f"sub-{absent[0]}" if absent else "any participant"
        raise InputError(f"{output_dir} holds no results of {who}; process first.")
    return [label for label in made if label in wanted or not wanted]


def own_series(output_dir: Path, participant: str) -> list[SeriesResults]:
    """Return the series of `find_series` on their own grids: a template's space is not another."""
    found = find_series(output_dir, participant)
    return [series for series in found if SPACE not in series.key]


def find_series(output_dir: Path, participant: str) -> list[SeriesResults]:
    """Return the participant's series in the output folder, sorted by their entities."""
    found: dict[str, SeriesResults] = {}
    folder = output_dir / f"sub-{participant}"
    for path in sorted([*folder.rglob("*.nii.gz"), *folder.rglob("*.nii")]):
        *entities, suffix = path.name.split(".")[0].split("_")
        desc = next((e.removeprefix("desc-") for e in entities if e.startswith("desc-")), "")
        key = "_".join(e for e in entities if not e.startswith("desc-"))
        if suffix == "Chimap" or (desc, suffix) in ROLES:
            found.setdefault(key, SeriesResults(key)).add(desc, suffix, Derivative(path))
    logs = output_dir / "logs" / f"sub-{participant}"
    for series in found.values():
        series.measured = read_json(logs / f"{series.key}_quality.json")
        drawn = {name: logs / f"{series.key}_{name}.webp" for name in PICTURES}
        series.pictures = {name: path for name, path in drawn.items() if path.is_file()}
        for desc in series.chimaps:
            curves = read_curves(logs / f"{series.key}_desc-{desc}_curve.tsv")
            if curves:
                series.curves[desc] = curves
    return [found[key] for key in sorted(found)]


def find_failures(output_dir: Path, participant: str) -> list[Failure]:
    """Return the participant's series that failed, from the log folder."""
    failures = []
    for path in sorted((output_dir / "logs" / f"sub-{participant}").glob("*_error.json")):
        content = read_json(path)
        failures.append(
            Failure(
                str(content.get("series") or path.name.removesuffix("_error.json")),
                str(content.get("stage") or ""),
                str(content.get("message") or f"{path.name} cannot be read."),
                str(content.get("crashfile") or ""),
            )
        )
    return failures
