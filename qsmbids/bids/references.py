"""Susceptibility maps made elsewhere that can stand as the truth of a series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from qsmbids.bids.check import check_same_grid, read_grid
from qsmbids.bids.masks import belongs
from qsmbids.bids.names import entities_of
from qsmbids.bids.series import Series
from qsmbids.errors import InputError

DESCS = (None, "cosmos", "reference", "truth")
"""Labels of ``desc`` under which a map counts as a reference; others name a method's estimate."""


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
