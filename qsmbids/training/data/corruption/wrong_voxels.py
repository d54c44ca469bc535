"""Voxels whose field is wrong, as unwrapping leaves them where there is little signal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Float


def put_wrong_voxels(
    rng: np.random.Generator,
    field: Float,
    mask: NDArray[np.bool_],
    magnitude: Float,
    share: float,
) -> None:
    """Put a wrong field into small clusters of voxels where the magnitude is low.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    field, magnitude : (x, y, z) float32 array
        Changed in place; the field is in ppm.
    mask : (x, y, z) bool array
        The brain.
    share : float
        Share of its voxels, at most.
    """
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
    magnitude[tuple(where.T)] = float(magnitude.min())
