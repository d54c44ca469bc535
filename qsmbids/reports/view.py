"""The part of an image that a page shows: the head with a narrow margin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Mask
from qsmbids.bids.volume import Grid, Image, Volume, finite

MARGIN_MM = 6.0
_SHARES = ((0.2, 0.8), (0.2, 0.8), (0.25, 0.8))  # of the head: its first and last slice


@dataclass(frozen=True)
class View:
    """The part of a grid that is shown: the head with a narrow margin.

    Attributes
    ----------
    grid : Grid
    box : tuple of slice
        What is cut from every image on that grid.
    centre : tuple of int
        Where the three orthogonal planes cross, inside the box.
    levels : tuple of tuple of int
        Along each axis, where slices are cut, inside the box.
    """

    grid: Grid
    box: tuple[slice, ...]
    centre: tuple[int, ...]
    levels: tuple[tuple[int, ...], ...]

    def cut(self, volume: Volume) -> Image:
        """Return the shown part, finite; a copy, so that the whole can be freed."""
        return finite(volume.data[self.box].copy())

    def position(self, axis: int, at: int) -> str:
        """Return where a slice lies in the scanner's coordinates, as text.

        It is that of the slice's middle: axes of an oblique scan are not quite those.
        """
        index = np.array([n.start + c for n, c in zip(self.box, self.centre, strict=True)])
        index[axis] = self.box[axis].start + at
        place = (self.grid.affine @ [*index, 1])[axis]
        return f"{'xyz'[axis]} = {place:.0f} mm".replace("-", "\N{MINUS SIGN}")


def view_of(volume: Volume, levels: int = 5) -> View:
    """Return the view of the volume's non-zero part, all of it if nothing stands out.

    ``levels`` slices are cut along each axis.
    """
    grid = volume.grid
    starts, stops = _bounds(volume.data != 0)
    margin = np.ceil(MARGIN_MM / np.asarray(grid.voxel_size)).astype(int)
    low = np.maximum(starts - margin, 0)
    high = np.minimum(stops + margin, grid.shape)
    extent = stops - starts
    # Off the midline, so that the sagittal plane shows deep grey matter, not the falx.
    aside = min(round(12 / grid.voxel_size[0]), int(extent[0]) // 4)
    centre = (starts + stops) // 2 - low + np.array([aside, 0, 0])
    steps = [starts[n] - low[n] + extent[n] * np.linspace(*_SHARES[n], levels) for n in range(3)]
    return View(
        grid,
        tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True)),
        tuple(int(c) for c in centre),
        tuple(tuple(dict.fromkeys(int(s) for s in along)) for along in steps),
    )


def _bounds(inside: Mask) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first index and the one after the last along each axis."""
    starts, stops = [], []
    for axis, n in enumerate(inside.shape):
        used = np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))
        starts.append(used[0] if used.size else 0)
        stops.append(used[-1] + 1 if used.size else n)
    return np.array(starts), np.array(stops)
