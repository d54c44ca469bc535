"""What a simulated head is made from, and what comes out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Float

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class HeadRecipe:
    """Everything that decides the numbers of a simulated head.

    Parameters
    ----------
    shape : (3,) tuple of int
        Grid (x, y, z), along left-right, back-front and feet-head.
    voxel_size : (3,) tuple of float
        Edge lengths in mm.
    field_strength : float
        B0 in tesla.
    echo_times : tuple of float
        In seconds, ascending.
    snr : float
        Mean magnitude of white matter at the first echo over the noise's standard deviation
        in the real and the imaginary part; ``math.inf`` for no noise.
    b0_tilt : (2,) tuple of float
        Rotation of the voxel axes about the scanner's x and y axis, in degrees.
    seed : int
        Decides the texture, the phase offset, the receive bias and the noise.
    anatomy : int, optional
        Seed of a random anatomy: its shape, tissue values, veins and lesions. By default the
        template's own shape with typical values.
    sinuses, veins, calcification, haemorrhage, phase_offset, shim, dephasing : bool
        Which parts the head has: air spaces in the skull, veins, lesions, a phase at echo
        time zero, a shim field, signal loss by the field's gradient in a voxel.

    Raises
    ------
    ValueError
        If a value is out of its range.
    """

    shape: tuple[int, int, int] = (164, 205, 205)
    voxel_size: Vector = (1.0, 1.0, 1.0)
    field_strength: float = 7.0
    echo_times: tuple[float, ...] = (0.004, 0.012, 0.020, 0.028)
    snr: float = 100.0
    b0_tilt: tuple[float, float] = (0.0, 0.0)
    seed: int = 0
    anatomy: int | None = None
    sinuses: bool = True
    veins: bool = True
    calcification: bool = True
    haemorrhage: bool = True
    phase_offset: bool = True
    shim: bool = True
    dephasing: bool = True

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or min(self.shape) < 8:
            raise ValueError(f"the shape must be three sizes of at least 8, not {self.shape}")
        if len(self.voxel_size) != 3 or not all(0.2 <= v <= 10 for v in self.voxel_size):
            raise ValueError(
                f"the voxel size must be three lengths of 0.2 to 10 mm, not {self.voxel_size}"
            )
        times = self.echo_times
        if not times or times[0] <= 0 or any(b <= a for a, b in pairwise(times)):
            raise ValueError(f"echo times must be positive and ascending, not {times}")
        if times[-1] > 1:
            raise ValueError(f"echo times are in seconds; {times[-1]} is too long")
        if not 0 < self.field_strength <= 25:
            raise ValueError(f"a field strength of {self.field_strength} T is out of range")
        if not self.snr > 0:
            raise ValueError(f"the SNR must be positive, not {self.snr}")
        if len(self.b0_tilt) != 2 or not all(abs(t) <= 90 for t in self.b0_tilt):
            raise ValueError(f"the B0 tilt must be two angles up to 90 degrees, not {self.b0_tilt}")

    @property
    def affine(self) -> NDArray[np.float64]:
        """Voxel-to-world affine: the tilt is in it, so that it tells B0's direction."""
        (sx, cx), (sy, cy) = ((math.sin(t), math.cos(t)) for t in map(math.radians, self.b0_tilt))
        about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
        about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        affine = np.eye(4)
        affine[:3, :3] = about_x @ about_y @ np.diag(self.voxel_size)
        affine[:3, 3] = -affine[:3, :3] @ (np.array(self.shape) // 2)
        return affine


@dataclass(frozen=True, eq=False)
class Head:
    """A simulated head: what a scanner would store, and the truth behind it.

    Attributes
    ----------
    recipe : HeadRecipe
        What it was made from.
    chi : (x, y, z) float32
        Susceptibility in ppm relative to water, in the whole field of view; air is 9.4.
    paramagnetic : (x, y, z) float32
        What of it is of positive sources, which raise the decay rate as negative ones do.
    labels : (x, y, z) uint8
        The tissue with the largest share of each voxel: ``TISSUES[name].label``.
    brain_mask, head_mask : (x, y, z) bool
        The brain with its fluid; everything that is not air.
    total_field : (x, y, z) float32
        Field in ppm of B0: of the whole body, and of the shim.
    local_field : (x, y, z) float32
        Field in ppm of `chi_brain`, zero outside the brain.
    magnitude, phase : (echo, x, y, z) float32
        Noisy signal: magnitude in units of the proton density of water, wrapped phase in
        radians, growing with time where the field is positive.
    r2star, s0 : (x, y, z) float32
        Decay rate in 1/s without the dephasing by the field's gradient; signal at time zero.
    voxel_size, b0_dir : (3,) tuple of float
        Edge lengths in mm; B0 along the voxel axes.
    affine : (4, 4) float64
        Voxel to world.
    """

    recipe: HeadRecipe
    chi: Float
    paramagnetic: Float
    labels: NDArray[np.uint8]
    brain_mask: NDArray[np.bool_]
    head_mask: NDArray[np.bool_]
    total_field: Float
    local_field: Float
    magnitude: Float
    phase: Float
    r2star: Float
    s0: Float
    voxel_size: Vector
    b0_dir: Vector
    affine: NDArray[np.float64]

    @property
    def echo_times(self) -> tuple[float, ...]:
        """Echo times in seconds."""
        return self.recipe.echo_times

    @property
    def field_strength(self) -> float:
        """B0 in tesla."""
        return self.recipe.field_strength

    @property
    def diamagnetic(self) -> Float:
        """What of `chi` is of negative sources, at most 0."""
        return self.chi - self.paramagnetic

    @property
    def chi_brain(self) -> Float:
        """Susceptibility in ppm relative to the brain's mean, zero outside the brain."""
        return relative_to_mean(self.chi, self.brain_mask)


def relative_to_mean(image: Float, mask: NDArray[np.bool_]) -> Float:
    """Return ``image`` minus its mean over the mask, zero outside the mask."""
    mean = np.float32(image[mask].mean(dtype=np.float64)) if mask.any() else np.float32(0)
    return np.where(mask, image - mean, np.float32(0))
