"""By what a participant's results were made, and every file that was left of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from qsmbids.bids.results import RUN, SPACE
from qsmbids.bids.series_results import SeriesResults, read_json


def log_folder(output_dir: Path, participant: str) -> Path:
    """Return the folder of a participant's records."""
    return output_dir / "logs" / f"sub-{participant}"


def run_facts(output_dir: Path, participant: str) -> list[tuple[str, str]]:
    """Return date, command and versions of the last run, as pairs of name and value."""
    told = read_json(log_folder(output_dir, participant) / RUN)
    packages = told.get("Packages")
    versions = packages if isinstance(packages, Mapping) else {}
    facts = {
        "Date": told.get("Date"),
        "Command": told.get("Command"),
        "qsmbids": told.get("Version"),
        **{str(name): value for name, value in versions.items()},
    }
    return [(name, str(value)) for name, value in facts.items() if value]


def run_files(output_dir: Path, participant: str, keys: Sequence[str]) -> list[str]:
    """Return the logs of a participant that belong to no series of the page, as relative paths."""
    folder = log_folder(output_dir, participant)
    log = read_json(folder / RUN).get("Log")
    found = [] if not isinstance(log, str) or not (output_dir / log).is_file() else [log]
    own = {path for key in keys for path in series_logs(output_dir, participant, key)}
    every = (path.relative_to(output_dir).as_posix() for path in _files(folder))
    return [*found, *(path for path in every if path not in own)]


def series_files(output_dir: Path, participant: str, series: SeriesResults) -> list[str]:
    """Return the images and sidecars of a series and what was noted of it, as relative paths."""
    images = [derivative.path for derivative in series.all_images]
    sidecars = [path.with_name(f"{path.name.split('.')[0]}.json") for path in images]
    folders = {path.parent for path in images}
    moved = [path for folder in folders for path in folder.glob(f"{series.key}{SPACE}*")]
    there = sorted({path for path in [*images, *sidecars, *moved] if path.is_file()})
    relative = [path.relative_to(output_dir).as_posix() for path in there]
    return [*relative, *series_logs(output_dir, participant, series.key)]


def series_logs(output_dir: Path, participant: str, key: str) -> list[str]:
    """Return what stands in the log folder of one series: its name goes on with its kind."""
    files = _files(log_folder(output_dir, participant))
    own = [path for path in files if path.name.startswith(f"{key}_") and _kind(path, key)]
    return [path.relative_to(output_dir).as_posix() for path in own]


def weights_of(stages: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Return which weights were used: stage, name and SHA-256 of each, once."""
    found: dict[tuple[str, str, str], None] = {}
    for stage in stages:
        for name in ("Weights", "SecondNetwork", "UncertaintyWeights"):
            used = stage.get(name)
            if isinstance(used, Mapping) and used.get("SHA256"):
                where = "uncertainty" if name.startswith("Unc") else str(stage.get("Method") or "")
                found[where, str(used.get("Name") or ""), str(used["SHA256"])] = None
    return list(found)


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (p for p in sorted(folder.iterdir()) if p.is_file() and p.suffix != ".lock")


def _kind(path: Path, key: str) -> bool:
    """Tell whether a name goes on with what a file is, not with another entity of a series."""
    rest = path.name.removeprefix(f"{key}_").split(".")[0].split("_")
    return all("-" not in part or part.startswith("desc-") for part in rest)
