"""Laplace's equation inside a mask, by conjugate gradients with multigrid in front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qsmbids.array_types import Bool, Float
from qsmbids.physics.solve import conjugate_gradients

_COARSEST = 500  # unknowns; fewer are not worth another grid
_SWEEPS = 2
_DAMPING = np.float32(0.8)
_LAST_SWEEPS = 30


def without_harmonic_part(
    field: Float, interior: Bool, voxel_size: Sequence[float], tolerance: float, max_iterations: int
) -> Float:
    """Return ``field`` less the solution of Laplace's equation with its own boundary values.

    Parameters
    ----------
    field : (x, y, z) float32 array
        Known in ``interior`` and in the voxels that share a face with it.
    interior : (x, y, z) bool array
        Where the solution is sought; away from the borders of the grid.
    voxel_size : (3,) sequence of float
        Edge lengths in mm, of the seven-point Laplacian.
    tolerance : float
        Stop when the residual has fallen to this part of the first.
    max_iterations : int
        Stop there at the latest.

    Returns
    -------
    (x, y, z) float32 array
        The remainder r with the Laplacian of ``field`` in the interior, and zero elsewhere.
    """
    grid = _Grid(interior, voxel_size)
    source = grid.laplacian(grid.padded(field))
    remainder = conjugate_gradients(grid.laplacian, source, tolerance, max_iterations, grid.cycle)
    return remainder[grid.inside]


class _Grid:
    """One grid of the hierarchy; the coarser ones hang below it.

    Voxels are joined in pairs along the axes whose edges are short, until the grid is nearly
    isotropic: there a point smoother does its work.
    """

    def __init__(self, interior: Bool, voxel_size: ArrayLike):
        size = np.asarray(voxel_size, dtype=float)
        self.inside = tuple(slice(0, n) for n in interior.shape)
        self._joined = [2 if s < 1.5 * size.min() else 1 for s in size]
        self._border = [(0, -n % j) for n, j in zip(interior.shape, self._joined, strict=True)]
        self.interior = np.pad(interior, self._border)
        scale = size.min() ** 2
        self._stiffness = [np.float32(scale / s**2) for s in size]
        self._diagonal = np.float32(2 * sum(self._stiffness))
        self._coarser: _Grid | None = None
        if np.count_nonzero(interior) > _COARSEST:
            self._coarser = _Grid(
                np.asarray(self._pairs(self.interior).any(axis=(1, 3, 5))), size * self._joined
            )
            # every grid measures its Laplacian in units of its own shortest edge
            self._correction = np.float32((size * self._joined).min() ** 2 / scale)

    def padded(self, image: Float) -> Float:
        """Return ``image`` with zeros behind it, up to whole pairs."""
        return np.pad(image, self._border)

    def _pairs(self, image: NDArray[Any]) -> NDArray[Any]:
        (a, b, c), (i, j, k) = image.shape, self._joined
        return image.reshape(a // i, i, b // j, j, c // k, k)

    def laplacian(self, image: Float) -> Float:
        """Return minus the Laplacian in the interior (times the shortest edge squared)."""
        result = self._diagonal * image
        for axis, stiffness in enumerate(self._stiffness):
            low = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
            high = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
            scaled = stiffness * image
            result[low] -= scaled[high]
            result[high] -= scaled[low]
        result *= self.interior
        return result

    def cycle(self, source: Float) -> Float:
        """Return an approximate solution for ``source``, by one symmetric V-cycle."""
        damping = _DAMPING / self._diagonal
        solution = damping * source
        for _ in range((_SWEEPS if self._coarser else _LAST_SWEEPS) - 1):
            solution += damping * (source - self.laplacian(solution))
        if self._coarser is None:
            return solution
        residual = source - self.laplacian(solution)
        mean = self._pairs(residual).mean(axis=(1, 3, 5), dtype=np.float32)
        c = self._coarser
        coarse = c.cycle(c.padded(mean) * c.interior)[c.inside]
        coarse *= self._correction
        fine = self._pairs(np.empty_like(solution))
        fine[...] = coarse[:, None, :, None, :, None]
        solution += fine.reshape(solution.shape) * self.interior
        for _ in range(_SWEEPS):
            solution += damping * (source - self.laplacian(solution))
        return solution
