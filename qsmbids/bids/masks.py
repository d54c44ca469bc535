"""The mask of a series, from derivatives datasets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qsmbids.bids.check import Grid, check_same_grid, read_grid
from qsmbids.bids.layout import Dataset
from qsmbids.bids.names import entities_of, fmap_entities

# Entities that say what a mask shows or how it is stored, not of which series it is.
_FREE = {"desc", "label", "res", "den", "part", "echo"}


@dataclass(frozen=True)
class Mask:
    """A mask that belongs to a series, and what to say about the choice."""

    path: Path
    dataset: Dataset
    warnings: tuple[str, ...] = ()


def find_mask(
    masks: Mapping[str, list[tuple[Dataset, Path]]],
    entities: Mapping[str, str],
    prefer: tuple[str, ...] = ("brain",),
) -> Mask | None:
    """Choose the mask of a series.

    A mask belongs to a series if all its entities are the series' own: one without ``run`` is
    for all runs. The more entities it shares the better; then ``desc`` decides, by ``prefer``;
    then the order of the datasets.

    Parameters
    ----------
    masks : mapping of str to list of (Dataset, Path)
        All masks by participant.
    entities : mapping
        The series' entities.
    prefer : tuple of str
        Labels of ``desc``, the best first; a mask without ``desc`` comes after them.

    Returns
    -------
    Mask or None
    """
    order = [*prefer, None]

    def rank(item: tuple[Dataset, Path]) -> tuple[int, int]:
        named = entities_of(item[1])
        label = named.get("desc", named.get("label"))
        place = order.index(label) if label in order else len(order)
        return -len(named.keys() - _FREE), place

    found = [item for item in masks.get(entities["sub"], []) if belongs(item[1], entities)]
    if not found:
        return None
    (dataset, path), *others = sorted(found, key=rank)
    if not others:
        return Mask(path, dataset, ())
    names = ", ".join(source.relative(other) for source, other in others)
    told = f"The mask {dataset.relative(path)} was used; others that fit were not: {names}."
    return Mask(path, dataset, (told,))


def check_mask(mask: Mask | None, grid: Grid) -> None:
    """Raise InputError if there is a mask and it is not on the series' grid."""
    if mask is not None:
        check_same_grid(
            read_grid(mask.path, mask.dataset.relative(mask.path)),
            grid,
            "resample it, or choose another with --bids-filter-file",
        )


def belongs(path: Path, entities: Mapping[str, str]) -> bool:
    """Tell whether all entities of a file are those of a series."""
    named = entities_of(path)
    if named.get("label", "brain") != "brain":
        return False
    own = {name: value for name, value in named.items() if name not in _FREE}
    return own.items() <= entities.items() or fmap_entities(own).items() <= entities.items()
