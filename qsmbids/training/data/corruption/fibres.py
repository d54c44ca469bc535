"""What bundles of fibres add to a field beside their mean susceptibility."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft as sf
from numpy.typing import NDArray
from scipy.special import expit

from qsmbids.array_types import Float
from qsmbids.physics import DipoleConvolution
from qsmbids.training.data.random_fields import SmoothNoise


def fibre_field(
    rng: np.random.Generator,
    chi: Float,
    mask: NDArray[np.bool_],
    *,
    noise: SmoothNoise,
    dipole: DipoleConvolution,
) -> Float:
    r"""Return the field of anisotropic susceptibility and of frequency offsets, of unit variance.

    Where a smoothed map is low (or, in one case of four, high) there are bundles, whose direction
    v varies smoothly. Their susceptibility tensor departs from its mean by
    :math:`T = \Delta\chi (v v^T - I / 3)`, which adds
    :math:`b \cdot T b / 3 - F^{-1}[(k \cdot b)(k \cdot F T b) / k^2]` to the field along B0, and
    their microstructure shifts the frequency in place by
    :math:`a - c \sin^2\theta`, with the angle of v to B0. A map of several
    orientations holds neither.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    chi : (x, y, z) float32 array
        Susceptibility in ppm.
    mask : (x, y, z) bool array
        The brain.
    noise : SmoothNoise
        On the same grid.
    dipole : DipoleConvolution
        Its voxels and B0 direction.

    References
    ----------
    Liu, "Susceptibility tensor imaging", Magn Reson Med 63:1471 (2010), eq. 6.
    Wharton and Bowtell, "Fiber orientation-dependent white matter contrast in gradient echo MRI",
    PNAS 109:18559 (2012).
    """
    b = np.asarray(dipole.b0_dir, np.float32)
    v = np.stack([noise(rng.uniform(4, 12)) for _ in range(3)])
    v /= np.maximum(np.linalg.norm(v, axis=0), np.float32(1e-6))
    share = _bundles(rng, chi, mask, noise)
    along = np.tensordot(b, v, 1)
    tensor = share * (along * v - (b / np.float32(3))[:, None, None, None])  # T b
    field = field_of_magnetization(np.asarray(tensor, np.float32), dipole.voxel_size, b)
    field /= max(float(field[mask].std()), 1e-9)
    offset = share * (np.float32(rng.uniform(-0.5, 1)) - (1 - along**2))
    offset /= max(float(offset[mask].std()), 1e-9)
    part = np.float32(rng.uniform(0, 1) * np.pi / 2)
    both: Float = np.cos(part) * field + np.sin(part) * rng.choice((-1, 1)) * offset
    both /= np.float32(max(float(both[mask].std()), 1e-9))
    return both.astype(np.float32)


def _bundles(
    rng: np.random.Generator, chi: Float, mask: NDArray[np.bool_], noise: SmoothNoise
) -> Float:
    """Return how much of each voxel is bundle, 0 to 1, zero outside the mask."""
    inside = chi[mask]
    low, middle, high = np.quantile(inside, (0.16, rng.uniform(0.3, 0.7), 0.84))
    width = max(float(high - low), 1e-6) * rng.uniform(0.1, 0.5)
    sign = 1 if rng.random() < 0.25 else -1
    share = expit(np.float32(sign / width) * (chi - np.float32(middle)))
    share = share * np.exp(np.float32(rng.uniform(0.1, 0.8)) * noise.power_law(rng.uniform(2, 3.5)))
    result: Float = np.where(mask, share, 0).astype(np.float32)
    return result


def field_of_magnetization(vector: Float, voxel_size: Sequence[float], b: Float) -> Float:
    """Return the field (x, y, z) along B0 of a magnetization, on a periodic grid.

    Parameters
    ----------
    vector : (3, x, y, z) float32 array
        The magnetization along the voxel axes, in the unit of the field.
    voxel_size : (3,) sequence of float
        Edge lengths.
    b : (3,) float32 array
        B0, of length one.
    """
    shape = vector.shape[1:]
    k = [
        (sf.rfftfreq if axis == 2 else sf.fftfreq)(n, edge).astype(np.float32)
        for axis, (n, edge) in enumerate(zip(shape, voxel_size, strict=True))
    ]
    grid = np.meshgrid(*k, indexing="ij", sparse=True)
    k2 = sum(g**2 for g in grid)
    k2[0, 0, 0] = 1
    spectra = sf.rfftn(vector, axes=(1, 2, 3))
    inner = sum(g * s for g, s in zip(grid, spectra, strict=True))
    kb = sum(g * c for g, c in zip(grid, b, strict=True))
    dipolar = sf.irfftn(inner * kb / k2, shape)
    return np.asarray(np.tensordot(b, vector, 1) / 3 - dipolar, np.float32)
