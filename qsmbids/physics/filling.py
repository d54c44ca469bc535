"""Filling voxels whose value is not known from those around them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from qsmbids.array_types import Bool, Float
from qsmbids.physics.solve import conjugate_gradients

_TOLERANCE, _ITERATIONS = 1e-3, 50


def fill_smoothly(image: Float, mask: Bool, gaps: Bool, voxel_size: Sequence[float]) -> Float:
    """Return ``image`` with the solution of Laplace's equation in its gaps.

    The values around a gap, as far as they lie in the mask, are its boundary; nothing flows
    through the mask's surface. What the image holds in the gaps does not count. The iterations
    are few: far inside a large gap the values tend to zero.

    Parameters
    ----------
    image : (x, y, z) float32 array
        Finite in the mask outside the gaps.
    mask : (x, y, z) bool array
        Where the image counts.
    gaps : (x, y, z) bool array
        Voxels of the mask to fill.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.

    Returns
    -------
    (x, y, z) float32 array
        In the unit of ``image``, equal to it outside the gaps.
    """
    result = image.copy()
    where = np.argwhere(gaps)
    if not len(where):
        return result
    equations = _Equations(image, mask, gaps, where)
    for axis, edge in enumerate(voxel_size):
        for step in (-1, 1):
            equations.add(axis, step, np.float32((min(voxel_size) / edge) ** 2))
    result[gaps] = equations.solve()
    return result


class _Equations:
    """Each gap's value times its neighbours' stiffness is the stiff sum of their values."""

    def __init__(self, image: Float, mask: Bool, gaps: Bool, where: NDArray[np.int64]):
        self.image, self.mask, self.gaps, self.where = image, mask, gaps, where
        self.number = np.zeros(image.shape, np.int32)
        self.number[gaps] = np.arange(len(where), dtype=np.int32)
        self.diagonal = np.zeros(len(where), np.float32)
        self.source = np.zeros(len(where), np.float32)
        self.pairs: list[tuple[NDArray[np.int64], NDArray[np.int32], Float]] = []

    def add(self, axis: int, step: int, stiffness: np.float32) -> None:
        """Join each gap to its neighbour one ``step`` along an axis, if the mask holds it."""
        position = self.where[:, axis] + step
        own = np.flatnonzero((position >= 0) & (position < self.mask.shape[axis]))
        near = [self.where[own, a] + (step if a == axis else 0) for a in range(3)]
        flat = np.ravel_multi_index((near[0], near[1], near[2]), self.mask.shape)
        valid = self.mask.ravel()[flat]
        own, flat = own[valid], flat[valid]
        unknown = self.gaps.ravel()[flat]
        self.diagonal[own] += stiffness
        known = flat[~unknown]
        self.source[own[~unknown]] += stiffness * self.image.ravel()[known]
        other = self.number.ravel()[flat[unknown]]
        self.pairs.append((own[unknown], other, np.full(len(other), -stiffness)))

    def solve(self) -> Float:
        """Return the gaps' values; zero where no known voxel is joined to them."""
        rows, columns, values = (np.concatenate(part) for part in zip(*self.pairs, strict=True))
        size = len(self.where)
        joined = csr_array((values, (rows, columns)), shape=(size, size), dtype=np.float32)
        divisor = np.where(self.diagonal > 0, self.diagonal, np.float32(1))

        def laplacian(x: Float) -> Float:
            return np.asarray(self.diagonal * x + joined @ x)

        def precondition(x: Float) -> Float:
            return np.asarray(x / divisor)

        return conjugate_gradients(laplacian, self.source, _TOLERANCE, _ITERATIONS, precondition)
