"""What every method of background removal and of inversion works on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypedDict

import numpy as np

from qsmbids.array_types import Bool, Float
from qsmbids.physics.dipole import DipoleConvolution

Vector = tuple[float, ...]


class Geometry(TypedDict):
    """What a dipole needs to know of a grid: edge lengths in mm, B0 along the voxel axes."""

    voxel_size: Vector
    b0_dir: Vector


@dataclass(frozen=True, eq=False)
class Problem:
    """A field and all that is known of it; `qsmbids.invert` makes one, cut to the mask.

    Attributes
    ----------
    field : (x, y, z) float32 array
        In ppm of B0; zero outside the mask.
    mask : (x, y, z) bool array
        Where the field is valid.
    voxel_size : (3,) tuple of float
        Edge lengths in mm.
    b0_dir : (3,) tuple of float
        B0 along the voxel axes.
    weight : (x, y, z) float32 array, optional
        Confidence in each voxel's field, 0 to 1, proportional to 1/noise and zero outside the
        mask; uniform by default.
    magnitude : (x, y, z) float32 array, optional
        Signal magnitude in any unit.
    device : {"auto", "cpu", "cuda"}
        Where networks compute; auto is a graphics processor where there is one.
    estimate : (x, y, z) float32 array, optional
        A rough map in ppm, inside the mask and around it, that was made on the way when gaps of
        the field were filled.
    """

    field: Float
    mask: Bool
    voxel_size: Vector
    b0_dir: Vector = (0, 0, 1)
    weight: Float | None = None
    magnitude: Float | None = None
    device: str = "auto"
    estimate: Float | None = None

    @property
    def dipole(self) -> DipoleConvolution:
        """The dipole on the grid of the field, kept until others are asked for."""
        return _dipole(self.field.shape, tuple(self.voxel_size), tuple(self.b0_dir))

    @property
    def geometry(self) -> Geometry:
        """Voxel size and B0 direction, to be passed on by name."""
        return {"voxel_size": self.voxel_size, "b0_dir": self.b0_dir}

    def squared_weight(self) -> Float:
        """Return the weight squared, of mean 1 over the mask; the mask without a weight."""
        if self.weight is None:
            return self.mask.astype(np.float32)
        squared: Float = self.weight**2
        squared /= squared[self.mask].mean()
        return squared


@lru_cache(maxsize=3)  # a grid and the coarser ones below it
def _dipole(shape: tuple[int, ...], voxel_size: Vector, b0_dir: Vector) -> DipoleConvolution:
    return DipoleConvolution(shape, voxel_size, b0_dir)


def demean(image: Float, mask: Bool) -> Float:
    """Return an image (x, y, z) less its mean over a mask, zero outside of it."""
    return np.where(mask, image - image[mask].mean(), np.float32(0))
