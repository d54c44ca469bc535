"""Reading an image on canonical axes, as float32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from nibabel.processing import resample_from_to
from numpy.typing import NDArray

from qsmbids.bids.check import UNREADABLE
from qsmbids.bids.unpacked import load_whole
from qsmbids.physics import b0_direction, voxel_size

Image = NDArray[np.float32]
Triple = tuple[float, float, float]


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

    def resampled(self, grid: Grid, order: int = 1) -> Image:
        """Return the image on another grid by both affines; zero outside of it."""
        image = nib.Nifti1Image(finite(self.data), self.grid.affine)
        found = resample_from_to(image, (grid.shape, grid.affine), order=order)
        return np.asarray(found.dataobj, dtype=np.float32)


def finite(values: Image) -> Image:
    """Return an image with zeros for what is not finite; itself where all is, as nearly always."""
    if np.isfinite(values).all():
        return values
    return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)


def read(path: Path) -> Volume | None:
    """Return the image with canonical axes, or None if it cannot be read or is not 3D."""
    try:
        image = load_whole(path)
        data = np.asarray(image.dataobj, dtype=np.float32)
        affine = np.asarray(image.affine, dtype=np.float64)
    except UNREADABLE:
        return None
    if data.ndim != 3:
        return None
    orientation = io_orientation(affine)
    turned = apply_orientation(data, orientation)
    back = inv_ornt_aff(orientation, data.shape)
    return Volume(turned, Grid(turned.shape, affine @ back, back[:3, :3]))
