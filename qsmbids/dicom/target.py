"""The dataset that is written to: new, or one to which participants are added."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from qsmbids.dicom.plan import Plan
from qsmbids.errors import UsageError

DESCRIPTION = "dataset_description.json"
_REMEDY = "name another folder than {}, or label participants with --participant-label or --map."


def check_target(plan: Plan, target: Path, *, chosen: bool) -> None:
    """Refuse what would overwrite or mix.

    Parameters
    ----------
    plan : Plan
        What is to be written.
    target : Path
        The dataset's folder.
    chosen : bool
        Whether the user named the participants: only then may one exist already.

    Raises
    ------
    UsageError
        If the folder is something else, a file exists, or a participant would be mixed with
        another one.
    """
    if not target.exists():
        return
    if not target.is_dir() or (any(target.iterdir()) and not (target / DESCRIPTION).is_file()):
        raise UsageError(f"{target} exists and is no BIDS dataset; name a new or an empty folder.")
    for path in _paths(plan, target):
        if path.exists():
            raise UsageError(f"{path} exists, and nothing is overwritten; {_REMEDY.format(target)}")
    for participant, session in {(e.participant, e.session): None for e in plan.entries}:
        _check_participant(target / f"sub-{participant}", session, chosen)


def _paths(plan: Plan, target: Path) -> Iterator[Path]:
    for entry in plan.entries:
        for output in entry.outputs:
            yield from (target / f"{output.path}{end}" for end in (".nii.gz", ".nii", ".json"))


def _check_participant(folder: Path, session: str, chosen: bool) -> None:
    """Refuse a participant that exists, unless the user named it and both have sessions or none."""
    if not folder.is_dir():
        return
    if not chosen:
        raise UsageError(
            f"{folder} exists, and may be someone else; {_REMEDY.format(folder.parent)}"
        )
    if session and any((folder / name).is_dir() for name in ("anat", "fmap")):
        raise UsageError(f"{folder} has no sessions; choose another --participant-label.")
    if not session and any(folder.glob("ses-*")):
        raise UsageError(f"{folder} has sessions; name this one with --session-label.")
