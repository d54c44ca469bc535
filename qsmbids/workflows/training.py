"""The subjects of a training: local fields of a dataset in the trainer's store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from qsmbids.bids import Inventory, Series
from qsmbids.bids.derived import with_reference
from qsmbids.bids.find import find_series
from qsmbids.errors import InputError
from qsmbids.interfaces.outputs import subject_path
from qsmbids.settings import Settings


def find_fields(settings: Settings, *, demand_maps: bool) -> Inventory:
    """Return the series of a dataset that a training learns from, with their reference maps.

    Parameters
    ----------
    settings : Settings
        Which participants, and how their fields are made.
    demand_maps : bool
        Whether the susceptibility of some must be known.

    Raises
    ------
    InputError
        If maps are demanded and there are none.
    """
    inventory = _with_references(find_series(settings), settings)
    if demand_maps and not any(one.reference for one in inventory.series):
        raise InputError(
            "No susceptibility map to learn from (Chimap without desc, or desc-cosmos) was found "
            "on the grid of a series; name the derivatives that hold them: --source maps=DIR."
        )
    return inventory


def _with_references(inventory: Inventory, settings: Settings) -> Inventory:
    """Add the reference maps that the derivatives hold; say which cannot be used."""
    found = []
    for series in inventory.series:
        known, note = with_reference(series, settings.derivatives)
        if note:
            print(f"{series.key}: {note}")
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
