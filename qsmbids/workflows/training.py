"""The subjects of a training: local fields of a dataset in the trainer's store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from qsmbids.bids import Inventory, Series
from qsmbids.bids.derived import with_reference
from qsmbids.interfaces.outputs import subject_path
from qsmbids.settings import Settings


def add_references(
    inventory: Inventory, settings: Settings, say: Callable[[str], None]
) -> Inventory:
    """Return the inventory with the reference maps that the derivatives hold.

    Parameters
    ----------
    inventory : Inventory
        All series.
    settings : Settings
        ``derivatives`` are looked through.
    say : callable
        Is told of maps that cannot be used, a sentence each.
    """
    found = []
    for series in inventory.series:
        known, note = with_reference(series, settings.derivatives)
        if note:
            say(f"{series.key}: {note}")
        found.append(known)
    return replace(inventory, series=tuple(found))


def gather_subjects(
    series: Sequence[Series], settings: Settings, folder: Path
) -> dict[str, list[str]]:
    """Link the subjects of these series into a folder, which then holds no others.

    Parameters
    ----------
    series : sequence of Series
        Those wanted; series whose field could not be made are passed over.
    settings : Settings
        ``subjects_dir`` holds the subjects of all trainings.
    folder : Path
        The folder of one training.

    Returns
    -------
    dict of str to list of str
        The names of each participant's subjects.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.npz"):
        old.unlink()
    names: dict[str, list[str]] = {}
    for one in series:
        stored = subject_path(settings.subjects_dir or folder, one)
        if stored.is_file():
            (folder / stored.name).symlink_to(stored)
            names.setdefault(one.participant, []).append(stored.stem)
    return names
