"""The participants and sessions that a run is for."""

from __future__ import annotations

from pathlib import Path

from qsmbids.errors import UsageError
from qsmbids.settings import Settings


def participants_of(root: Path) -> list[str]:
    """Return the labels of the participants' folders, in order."""
    folders = (path for path in root.glob("sub-*") if path.is_dir())
    return sorted(path.name.removeprefix("sub-") for path in folders)


def bare(label: str, prefix: str) -> str:
    """Return a label without its entity: ``sub-01`` and ``01`` are ``01``."""
    return label.removeprefix(prefix)


def wanted_participants(settings: Settings) -> tuple[str, ...]:
    """Return the labels of the participants wanted, all of which exist."""
    for root in (settings.bids_dir, *settings.derivatives.values()):
        if not Path(root).is_dir():
            raise UsageError(f"The folder {root} does not exist.")
    there = participants_of(settings.bids_dir) or sorted(
        {label for root in settings.derivatives.values() for label in participants_of(Path(root))}
    )
    wanted = sorted({bare(label, "sub-") for label in settings.participants})
    _demand(wanted, there, "participant", "sub-", settings.bids_dir)
    chosen = wanted or there
    folders = [
        Path(root) / f"sub-{label}"
        for root in (settings.bids_dir, *settings.derivatives.values())
        for label in (chosen if settings.sessions else ())
    ]
    sessions = {path.name[4:] for folder in folders for path in folder.glob("ses-*")}
    named = [bare(label, "ses-") for label in settings.sessions]
    _demand(named, sorted(sessions), "session", "ses-", settings.bids_dir)
    return tuple(chosen)


def _demand(wanted: list[str], there: list[str], what: str, prefix: str, root: Path) -> None:
    missing = [label for label in wanted if label not in set(there)]
    if missing:
        first = ", ".join(there[:5]) + (f" ... ({len(there)} in all)" if len(there) > 5 else "")
        raise UsageError(
            f"There is no {what} {prefix}{missing[0]} in {root}; there are: {first or 'none'}."
        )
