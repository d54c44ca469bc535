"""Which folders a run may write to: nothing that is not its own."""

from __future__ import annotations

import tempfile
from pathlib import Path

from qsmbids.errors import UsageError
from qsmbids.files import load_json

_DESCRIPTION = "dataset_description.json"


def check_folders(bids_dir: Path, output_dir: Path, work_dir: Path) -> None:
    """Refuse folders in which a run would overwrite what is not its own.

    Parameters
    ----------
    bids_dir, output_dir, work_dir : Path
        Absolute.

    Raises
    ------
    UsageError
        If the output folder is, holds or stands in the middle of data, or is another program's
        dataset; or if the work directory lies in the dataset or the output folder.
    """
    if not bids_dir.is_dir():
        raise UsageError(f"{bids_dir} is not a folder; give the path of a BIDS dataset.")
    instead = f"choose another, such as {bids_dir / 'derivatives' / 'qsmbids'}."
    if output_dir == bids_dir:
        raise UsageError(f"The output folder is the dataset itself; {instead}")
    if output_dir in bids_dir.parents:
        raise UsageError(f"The output folder {output_dir} holds the dataset; {instead}")
    if _in_participant(output_dir, bids_dir):
        raise UsageError(f"The output folder {output_dir} lies in a participant's; {instead}")
    if not _is_own(output_dir):
        raise UsageError(
            f"The output folder {output_dir} is a dataset that qsmbids did not make (by its "
            f"{_DESCRIPTION}); {instead}"
        )
    for name, folder in (("dataset", bids_dir), ("output folder", output_dir)):
        if work_dir == folder or folder in work_dir.parents:
            elsewhere = Path(tempfile.gettempdir()) / "qsmbids-work"
            raise UsageError(
                f"The work directory {work_dir} lies in the {name}; choose another, such as "
                f"-w {elsewhere}."
            )


def _in_participant(folder: Path, bids_dir: Path) -> bool:
    """Tell whether a folder is, or lies in, a participant's of some dataset."""
    return any(
        place.name.startswith("sub-")
        and (place.parent == bids_dir or (place.parent / _DESCRIPTION).is_file())
        for place in (folder, *folder.parents)
    )


def _is_own(folder: Path) -> bool:
    """Tell whether a folder is no dataset yet, or one that qsmbids made."""
    path = folder / _DESCRIPTION
    if not path.exists():
        return True
    if not path.is_file():
        return False
    try:
        made_by = load_json(path)["GeneratedBy"]
        return any(one["Name"] == "qsmbids" for one in made_by)
    except (OSError, ValueError, KeyError, TypeError):
        return False
