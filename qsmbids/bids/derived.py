"""What derivatives datasets hold for a series: its mask, and a reference map made elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from qsmbids.bids.check import read_grid
from qsmbids.bids.grid import Grid, check_same_grid
from qsmbids.bids.layout import Dataset
from qsmbids.bids.names import entities_of, fmap_entities
from qsmbids.bids.series import Series
from qsmbids.errors import InputError

DESCS = (None, "cosmos", "reference", "truth")
"""Labels of ``desc`` under which a map counts as a reference; others name a method's estimate."""

# Entities that say what a mask shows or how it is stored, not of which series it is.
_FREE = {"desc", "label", "res", "den", "part", "echo"}


@dataclass(frozen=True)
class Mask:
    """A mask that belongs to a series; ``others`` are the names of those that fit it less."""

    path: Path
    dataset: Dataset
    others: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """Where it comes from, and rather than which others it was taken."""
        rather = f" (rather than {', '.join(self.others)})" if self.others else ""
        return f"{self.dataset.name}{rather}"


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
    return Mask(path, dataset, tuple(source.relative(other) for source, other in others))


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


def with_reference(series: Series, derivatives: Mapping[str, Path]) -> tuple[Series, str]:
    """Return the series with its reference map, if the derivatives hold one.

    Parameters
    ----------
    series : Series
        What a map is looked for.
    derivatives : mapping of str to Path
        Folders of derivatives datasets by name; the first that has one counts.

    Returns
    -------
    series : Series
        With ``reference`` where there is one on its grid.
    note : str
        Why a map that is there was not taken; else empty.
    """
    found = [(name, path) for name, root in derivatives.items() for path in _maps(root, series)]
    if not found:
        return series, ""
    name, path = found[0]
    own = next(image for image in series.images if image != series.mask)
    try:
        mine = read_grid(own, own.name, len(series.volumes) or None)
        check_same_grid(read_grid(path, f"{name}:{path.name}"), mine, "it was not used")
    except InputError as error:
        return series, str(error)
    return replace(series, reference=path), ""


def _maps(root: Path, series: Series) -> list[Path]:
    """Return the reference maps of a series, those that share most entities first."""
    folder = Path(root) / f"sub-{series.participant}"
    own = [
        path
        for path in sorted(folder.rglob("*_Chimap.nii*"))
        if entities_of(path).get("desc") in DESCS and belongs(path, series.entities)
    ]
    return sorted(own, key=lambda path: -len(entities_of(path)))
