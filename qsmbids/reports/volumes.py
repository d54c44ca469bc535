"""Reading an image for the page: canonical axes, cropped to the head, float32."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from qsmbids.physics import b0_direction, voxel_size

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]
Triple = tuple[float, float, float]
MARGIN_MM = 6.0
_UNREADABLE = (OSError, EOFError, ValueError, zlib.error, ImageFileError, HeaderDataError)


@dataclass(frozen=True)
class Grid:
    """Where voxels lie.

    Attributes
    ----------
    shape : tuple of int
        Voxels along (x, y, z).
    affine : (4, 4) array
        From voxels to the world.
    turn : (3, 3) array
        Columns: the axes of this grid along those in which the file stores its voxels.
    """

    shape: tuple[int, ...]
    affine: NDArray[np.float64]
    turn: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))

    @property
    def voxel_size(self) -> Triple:
        """Edge lengths in mm."""
        return voxel_size(self.affine)

    @property
    def b0_direction(self) -> Triple:
        """B0 along the axes; ``ValueError`` if the affine is sheared."""
        return b0_direction(self.affine)

    def turned(self, direction: Sequence[float]) -> Triple:
        """Return along these axes a direction along those in which the file stores its voxels.

        Raises
        ------
        ValueError
            If it is not made of three numbers.
        """
        try:
            x, y, z = np.asarray(direction, dtype=np.float64) @ self.turn
        except (TypeError, ValueError):
            raise ValueError(f"{direction} is no direction") from None
        return float(x), float(y), float(z)

    def same(self, other: Grid) -> bool:
        """Return whether the voxels of both lie at the same places."""
        return self.shape == other.shape and np.allclose(self.affine, other.affine, atol=1e-3)


@dataclass(frozen=True)
class Volume:
    """One float32 image (x, y, z) whose axes point right, anterior and superior."""

    data: Image
    grid: Grid


def read(path: Path) -> Volume | None:
    """Return the image with canonical axes, or None if it cannot be read or is not 3D."""
    try:
        image: Any = nib.load(path)
        data = np.asarray(image.dataobj, dtype=np.float32)
        affine = np.asarray(image.affine, dtype=np.float64)
    except _UNREADABLE:
        return None
    if data.ndim != 3:
        return None
    orientation = io_orientation(affine)
    turned = apply_orientation(data, orientation)
    back = inv_ornt_aff(orientation, data.shape)
    return Volume(turned, Grid(turned.shape, affine @ back, back[:3, :3]))


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
    levels : tuple of int
        The axial slices, inside the box.
    """

    grid: Grid
    box: tuple[slice, ...]
    centre: tuple[int, ...]
    levels: tuple[int, ...]

    def cut(self, volume: Volume) -> Image:
        """Return the shown part, finite; a copy, so that the whole can be freed."""
        part = volume.data[self.box].copy()
        return np.nan_to_num(part, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


def view_of(volume: Volume, levels: int = 8) -> View:
    """Return the view of the volume's non-zero part, all of it if nothing stands out."""
    grid = volume.grid
    starts, stops = _bounds(volume.data != 0)
    margin = np.ceil(MARGIN_MM / np.asarray(grid.voxel_size)).astype(int)
    low = np.maximum(starts - margin, 0)
    high = np.minimum(stops + margin, grid.shape)
    extent = stops - starts
    # Off the midline, so that the sagittal plane shows deep grey matter, not the falx.
    aside = min(round(12 / grid.voxel_size[0]), int(extent[0]) // 4)
    centre = (starts + stops) // 2 - low + np.array([aside, 0, 0])
    steps = starts[2] - low[2] + extent[2] * np.linspace(0.22, 0.85, levels)
    return View(
        grid,
        tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True)),
        tuple(int(c) for c in centre),
        tuple(dict.fromkeys(int(s) for s in steps)),
    )


def _bounds(inside: Mask) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first index and the one after the last along each axis."""
    starts, stops = [], []
    for axis, n in enumerate(inside.shape):
        used = np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))
        starts.append(used[0] if used.size else 0)
        stops.append(used[-1] + 1 if used.size else n)
    return np.array(starts), np.array(stops)
