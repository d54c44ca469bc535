"""From susceptibility to a local field as scanners and pipelines leave it: all corruptions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Float
from qsmbids.physics import DipoleConvolution
from qsmbids.training.data.corruption.background_removal import remove_random_background
from qsmbids.training.data.corruption.background_residue import outer_field
from qsmbids.training.data.corruption.beyond_model import unexplained_field
from qsmbids.training.data.corruption.fibres import fibre_field
from qsmbids.training.data.corruption.noise import add_noise, random_magnitude
from qsmbids.training.data.corruption.wrong_voxels import put_wrong_voxels
from qsmbids.training.data.random_fields import SmoothNoise


@dataclass(frozen=True)
class Corruption:
    """How far a simulated field departs from the dipole field of its label.

    Shares are of the field's standard deviation in the mask; each is drawn between zero and
    the number given.

    Parameters
    ----------
    background : float
        Residual field of sources outside of the mask.
    model : float
        Field that no susceptibility explains: exchange, flow, motion, errors of the phase.
    noise : float
        Noise in ppm at full magnitude, at most.
    wrong : float
        Share of the voxels that hold a wrong field.
    tilt : float
        Angle of B0 to the third axis in degrees, at most.
    stretch : float
        Ratio of the longest edge of a voxel to the shortest, at most.
    axial : float
        Share of the samples with cubic voxels and B0 along the third axis.
    scale : (2,) tuple of float
        Range of the factor on susceptibility and field.
    removal : float
        Share of the samples that have been through a background removal: to the field that of
        strong outer sources is added, and a method of the app takes off what it finds.
    quiet : float
        The least noise as a share of the most; between the two it is drawn on a logarithmic scale.
    clean : float
        Share of the samples whose field, before any removal, has noise alone: no background, no
        field beyond the model and no wrong voxels.
    fibres : float
        Field that bundles of fibres add beside their mean susceptibility, see `fibres`.
    rough : float
        Share of the samples whose field beyond the model is rough, see `beyond_model`.
    """

    background: float = 0.4
    model: float = 0.8
    noise: float = 0.006
    wrong: float = 0.002
    tilt: float = 35.0
    stretch: float = 2.0
    axial: float = 0.5
    scale: tuple[float, float] = (0.3, 2.0)
    removal: float = 0.0
    quiet: float = 1 / 50
    clean: float = 0.0
    fibres: float = 0.0
    rough: float = 0.0


CLEAN = Corruption(0.0, 0.0, 1e-4, 0.0, 0.0, 1.0, 1.0, (1.0, 1.0))
"""Next to no noise and nothing else, on cubic voxels with B0 along the third axis."""


def corrupt(
    rng: np.random.Generator,
    chi: Float,
    mask: NDArray[np.bool_],
    *,
    dipole: DipoleConvolution,
    noise: SmoothNoise,
    how: Corruption,
) -> dict[str, Float]:
    """Return one training sample: the field of a map, corrupted, with its label.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    chi : (x, y, z) float32 array
        Susceptibility in ppm; what lies outside of the mask is left out.
    mask : (x, y, z) bool array
        The brain.
    dipole : DipoleConvolution
        See `qsmbids.training.data.geometry.random_dipole`.
    noise : SmoothNoise
        On the same grid.
    how : Corruption
        How far to go.

    Returns
    -------
    dict
        ``field`` in ppm, ``mask``, ``chi`` in ppm with zero mean over the mask, ``weight`` (0..1,
        zero outside the mask), float32.
    """
    if how.clean and rng.random() < how.clean:
        how = replace(how, background=0.0, model=0.0, wrong=0.0, fibres=0.0)
    chi = _demeaned(chi, mask, np.float32(rng.uniform(*how.scale)))
    field = dipole(chi)
    deviation = max(float(field[mask].std()), 1e-5)
    magnitude = random_magnitude(rng, noise, chi, field / np.float32(deviation))
    if how.background:
        field += outer_field(rng, mask, dipole, deviation * rng.uniform(0, how.background))
    if how.fibres:
        size = np.float32(deviation * how.fibres * rng.random())
        field += size * fibre_field(rng, chi, mask, noise=noise, dipole=dipole)
    if how.model:
        field += unexplained_field(rng, noise, mask, deviation * how.model, how.rough)
    field, magnitude = add_noise(rng, noise, field, magnitude, how.noise, how.quiet)
    if how.wrong:
        put_wrong_voxels(rng, field, mask, magnitude, how.wrong)
    if how.removal and rng.random() < how.removal:
        strength = deviation * rng.uniform(1, 8)
        field, mask = remove_random_background(rng, field, mask, dipole, strength)
        chi = _demeaned(chi, mask)
    return {
        "field": np.where(mask, field, 0).astype(np.float32),
        "mask": mask.astype(np.float32),
        "chi": chi,
        "weight": np.where(mask, magnitude, 0).astype(np.float32),
    }


def _demeaned(chi: Float, mask: NDArray[np.bool_], scale: float | np.float32 = 1.0) -> Float:
    """Return the map with zero mean over the mask, since a field does not determine it."""
    return np.where(mask, scale * (chi - chi[mask].mean(dtype=np.float64)), 0).astype(np.float32)
