"""From susceptibility to a local field as scanners and pipelines leave it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from qsmbids.background import remove_background
from qsmbids.physics import DipoleConvolution
from qsmbids.training.fibres import fibre_field
from qsmbids.training.noise import SmoothNoise
from qsmbids.training.shapes import paint

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Degradation:
    """How far a simulated field departs from the dipole field of its label.

    Shares are of the field's standard deviation in the mask; each is drawn between zero and
    the number given.

    Parameters
    ----------
    background : float
        Residual field of sources outside of the mask.
    model : float
        Smooth field that no susceptibility explains: anisotropy, exchange, flow, motion.
    noise : float
        Noise in ppm at full magnitude, at most.
    quiet : float
        The least noise as a share of the most; between the two it is drawn on a logarithmic scale.
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
    clean : float
        Share of the samples whose field, before any removal, has noise alone: no background, no
        field beyond the model and no wrong voxels.
    fibres : float
        Field that bundles add beside their mean susceptibility, see `fibre_field`.
    grain : float
        Share of the samples whose field beyond the model has a power law's spectrum, down to
        single voxels, and is larger at the mask's surface.
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
    grain: float = 0.0


CLEAN = Degradation(0.0, 0.0, 1e-4, 0.0, 0.0, 1.0, 1.0, (1.0, 1.0))
RADIANS = np.float32(16)  # of phase a ppm: 3 T and an echo time of 20 ms
DEEPEST = 12.0  # mm to the mask's surface at its middle, of which a removal takes half
# few spheres, since each takes as long as all else that makes a sample
REMOVALS: dict[str, dict[str, float]] = {
    "resharp": {},
    "vsharp": {"step": 3.0},
    "jdf": {},
    "lbv": {},
}
MARGIN = 32  # voxels of padding: the images that the FFT repeats are this far off


def random_dipole(
    rng: np.random.Generator, shape: Sequence[int], how: Degradation
) -> DipoleConvolution:
    """Return the dipole of a random voxel shape and B0 direction."""
    if rng.random() < how.axial:
        return DipoleConvolution(shape, (1, 1, 1), (0, 0, 1), MARGIN)
    edges = np.exp(rng.uniform(0, np.log(how.stretch), 3))
    angle = np.radians(how.tilt * np.sqrt(rng.random()))
    turn = rng.uniform(0, 2 * np.pi)
    b0 = (np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn), np.cos(angle))
    return DipoleConvolution(shape, edges.tolist(), b0, MARGIN)


def degraded(
    rng: np.random.Generator,
    chi: Float,
    mask: Mask,
    *,
    dipole: DipoleConvolution,
    noise: SmoothNoise,
    how: Degradation,
) -> dict[str, Float]:
    """Return one training sample.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    chi : (x, y, z) float32 array
        Susceptibility in ppm; what lies outside of the mask is left out.
    mask : (x, y, z) bool array
        The brain.
    dipole : DipoleConvolution
        See `random_dipole`.
    noise : SmoothNoise
        On the same grid.
    how : Degradation
        How far to go.

    Returns
    -------
    dict
        ``field`` in ppm, ``mask``, ``chi`` in ppm with zero mean over the mask, ``weight`` (0..1,
        zero outside the mask), float32.
    """
    if how.clean and rng.random() < how.clean:
        how = replace(how, background=0.0, model=0.0, wrong=0.0)
    scale = np.float32(rng.uniform(*how.scale))
    chi = np.where(mask, scale * (chi - chi[mask].mean(dtype=np.float64)), 0).astype(np.float32)
    field = dipole(chi)
    spread = max(float(field[mask].std()), 1e-5)
    magnitude = random_magnitude(rng, noise, chi, field / np.float32(spread))
    if how.background:
        field += _outer_field(rng, mask, dipole, spread * rng.uniform(0, how.background))
    if how.fibres:
        fibres = fibre_field(
            rng, chi, mask, noise=noise, voxel_size=dipole.voxel_size, b0_dir=dipole.b0_dir
        )
        field += np.float32(spread * how.fibres * rng.random()) * fibres
    if how.model:
        rough = _beyond_the_model(rng, mask, noise, how)
        field += np.float32(spread * how.model * rng.random() ** 2) * rough
    error, magnitude = _measured(rng, noise, magnitude, how)
    field += error
    if how.wrong:
        _spoil(rng, field, mask, magnitude, how.wrong)
    if how.removal and rng.random() < how.removal:
        field, mask = background_removed(rng, field, mask, dipole, spread * rng.uniform(1, 8))
        chi = np.where(mask, chi - chi[mask].mean(dtype=np.float64), 0).astype(np.float32)
    return {
        "field": np.where(mask, field, 0).astype(np.float32),
        "mask": mask.astype(np.float32),
        "chi": chi,
        "weight": np.where(mask, magnitude, 0).astype(np.float32),
    }


def _beyond_the_model(
    rng: np.random.Generator, mask: Mask, noise: SmoothNoise, how: Degradation
) -> Float:
    """Return a random field of about unit variance."""
    if rng.random() >= how.grain:
        return noise(np.exp(rng.uniform(np.log(1.0), np.log(8.0))))
    rough = noise.power_law(rng.uniform(1.0, 3.0))
    if rng.random() < 0.7:
        depth = ndimage.distance_transform_edt(mask).astype(np.float32)
        rough *= 1 + np.float32(rng.uniform(0, 1.5)) * np.exp(-depth / np.float32(rng.uniform(2, 8)))
    return rough


def random_magnitude(
    rng: np.random.Generator, noise: SmoothNoise, chi: Float, field: Float
) -> Float:
    """Return a magnitude (0..1] that varies smoothly and drops in and around strong sources.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    noise : SmoothNoise
        On the same grid.
    chi : (x, y, z) float32 array
        Susceptibility in ppm.
    field : (x, y, z) float32 array
        Its field in units of its standard deviation.
    """
    smooth = np.float32(rng.uniform(0.05, 0.25)) * noise(rng.uniform(5, 15))
    detail = np.float32(rng.uniform(0.02, 0.1)) * noise(rng.uniform(0.8, 2))
    decay = np.float32(rng.uniform(0.02, 0.3)) * np.abs(field)
    decay += np.float32(rng.uniform(0, 2.5)) * np.abs(chi)
    image: Float = np.clip((np.float32(0.8) + smooth + detail) * np.exp(-decay), 0.05, 1.0)
    return image


def _outer_field(
    rng: np.random.Generator, mask: Mask, dipole: DipoleConvolution, size: float
) -> Float:
    """Return the field that random sources outside of the mask make, of a given spread in it."""
    outer = np.zeros(mask.shape, np.float32)
    for _ in range(rng.integers(2, 12)):
        paint(outer, rng, "ellipsoid", rng.uniform(1, 8), rng.normal())
    outer[mask] = 0
    if not outer.any():
        return outer
    field = dipole(outer)
    spread = max(float(field[mask].std()), 1e-9)
    # the strongest voxels touch a source; no background removal would leave them so
    limited: Float = np.clip(field * np.float32(size / spread), -4 * size, 4 * size)
    return limited


def background_removed(
    rng: np.random.Generator, field: Float, mask: Mask, dipole: DipoleConvolution, strength: float
) -> tuple[Float, Mask]:
    """Return what comes back of a field after a background was added and removed, and its mask.

    A mask that the removal's spheres would use up stays as it is, and so does its field.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the method and the voxels' edge, 1 to 2 mm, against which its spheres are large.
    field : (x, y, z) float32 array
        Local field in ppm.
    mask : (x, y, z) bool array
        The brain.
    dipole : DipoleConvolution
        See `random_dipole`.
    strength : float
        Standard deviation of the background over the mask in ppm.
    """
    unit = rng.uniform(1, 2) / min(dipole.voxel_size)
    edges = [unit * size for size in dipole.voxel_size]
    if ndimage.distance_transform_edt(np.pad(mask, 1), sampling=edges).max() < DEEPEST:
        return field, mask
    total = field + _outer_field(rng, mask, dipole, strength)
    method = str(rng.choice(list(REMOVALS)))
    local = remove_background(
        np.where(mask, total, 0), mask, voxel_size=edges, b0_dir=dipole.b0_dir,
        method=method, **REMOVALS[method],
    )  # fmt: skip
    return local.field, local.mask


def _measured(
    rng: np.random.Generator, noise: SmoothNoise, magnitude: Float, how: Degradation
) -> tuple[Float, Float]:
    """Return the error of the field in ppm and the magnitude that a noisy signal gives.

    Complex noise, a little correlated, is added to the signal: the magnitude becomes Rician,
    and the phase's error grows, beyond a Gaussian's, where the magnitude is low.
    """
    size = np.float32(RADIANS * how.noise * how.quiet ** rng.random())
    share = np.float32(rng.uniform(0, 0.7))
    parts = []
    for _ in range(2):
        white = rng.standard_normal(magnitude.shape, dtype=np.float32)
        white += share * noise(rng.uniform(0.5, 1.2))
        parts.append(size / np.sqrt(1 + share**2) * white)
    real = magnitude + parts[0]
    return np.arctan2(parts[1], real) / RADIANS, np.minimum(np.hypot(real, parts[1]), 1)


def _spoil(
    rng: np.random.Generator, field: Float, mask: Mask, magnitude: Float, share: float
) -> None:
    """Put a wrong field into small clusters of voxels, where the magnitude is low."""
    count = int(mask.sum() * share * rng.random() ** 2 / 4)
    if count == 0:
        return
    places = np.flatnonzero(mask)
    centres = rng.choice(places, count)
    weak = magnitude.ravel()[centres] < np.quantile(magnitude[mask], rng.uniform(0.1, 1.0))
    centres = centres[weak]
    if centres.size == 0:
        return
    where = np.stack(np.unravel_index(centres, mask.shape), 1)
    where = (where[:, None] + rng.integers(-1, 2, (centres.size, 4, 3))).reshape(-1, 3)
    where = np.clip(where, 0, np.array(mask.shape) - 1)
    field[tuple(where.T)] += rng.normal(0, rng.uniform(0.05, 0.4), len(where)).astype(np.float32)
    low = float(magnitude.min())
    magnitude[tuple(where.T)] = low
