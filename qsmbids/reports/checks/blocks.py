"""Means over blocks of voxels: what the checks look for needs no finer grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Float


class Blocks:
    """Blocks of whole voxels with edges near a length.

    Parameters
    ----------
    voxel_size : (3,) sequence of float
        Edge lengths in mm.
    edge : float
        That of the blocks in mm, about; larger voxels are blocks of their own.

    Attributes
    ----------
    edges : tuple of float
        Of the blocks, in mm.
    """

    def __init__(self, voxel_size: Sequence[float], edge: float):
        self._joined = [max(1, round(edge / one)) for one in voxel_size]
        self.edges = tuple(n * v for n, v in zip(self._joined, voxel_size, strict=True))

    def mean(self, image: NDArray[np.generic]) -> Float:
        """Return the means of (..., x, y, z); the last, incomplete blocks go."""
        lead = image.shape[:-3]
        whole = [n // j for n, j in zip(image.shape[-3:], self._joined, strict=True)]
        x, y, z = (n * j for n, j in zip(whole, self._joined, strict=True))
        split = [one for n, j in zip(whole, self._joined, strict=True) for one in (n, j)]
        means = (
            image[..., :x, :y, :z].reshape(*lead, *split).mean(axis=(-5, -3, -1), dtype=np.float32)
        )
        return np.asarray(means, dtype=np.float32)

    def trusted(self, field: Float, weight: Float) -> tuple[Float, Float]:
        """Return the means of ``field`` weighted by ``weight``, and those of the weight."""
        trust = self.mean(weight)
        mean = self.mean(field * weight) / np.maximum(trust, 1e-6)
        return mean.astype(np.float32), trust
