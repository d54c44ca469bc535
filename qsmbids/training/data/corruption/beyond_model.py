"""A field that no susceptibility explains: anisotropy, exchange, flow, motion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qsmbids.training.data.random_fields import SmoothNoise


def smooth_field(rng: np.random.Generator, noise: SmoothNoise, size: float) -> NDArray[np.float32]:
    """Return a smooth random field in ppm, of a standard deviation of ``size`` at most."""
    field = noise(np.exp(rng.uniform(np.log(1.0), np.log(8.0))))
    return np.float32(size * rng.random() ** 2) * field
