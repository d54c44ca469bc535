"""A field that no susceptibility explains: exchange, flow, motion, errors of the phase."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from qsmbids.array_types import Float
from qsmbids.training.data.random_fields import SmoothNoise


def unexplained_field(
    rng: np.random.Generator,
    noise: SmoothNoise,
    mask: NDArray[np.bool_],
    size: float,
    rough: float = 0.0,
) -> Float:
    """Return a random field in ppm, of a standard deviation of about ``size`` at most.

    Parameters
    ----------
    rng, noise, mask
        Random generator; random fields on the grid of the brain's mask.
    size : float
        In ppm.
    rough : float
        Share of the fields that have power at all frequencies instead of at low ones, and more of
        it at the mask's surface, as what a dipole model leaves of measured fields has.
    """
    if rough and rng.random() < rough:
        field = _rough(rng, noise, mask)
    else:
        field = noise(np.exp(rng.uniform(np.log(1.0), np.log(8.0))))
    return np.float32(size * rng.random() ** 2) * field


def _rough(rng: np.random.Generator, noise: SmoothNoise, mask: NDArray[np.bool_]) -> Float:
    field = noise.power_law(rng.uniform(1.0, 3.0))
    if rng.random() < 0.7:
        depth = ndimage.distance_transform_edt(mask).astype(np.float32)
        more, reach = np.float32(rng.uniform(0, 1.5)), np.float32(rng.uniform(2, 8))
        field *= 1 + more * np.exp(-depth / reach)
    return field
