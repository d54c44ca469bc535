"""A coarser grid, on which what is smooth is found in a fraction of the time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

from qsmbids.array_types import Bool, Float
from qsmbids.physics.problem import Problem

_COARSEST = 4.0  # mm; a coarser grid does not know the brain's surface


class CoarseGrid:
    """Blocks of voxels of a grid.

    Parameters
    ----------
    mask : (x, y, z) bool array
        Where images on the fine grid are known.
    joined : (3,) sequence of int
        Voxels per block along each axis.
    partly : bool
        Take blocks of which a part is known, too. Their means stand at another place than their
        centre; without them, all that is next to the surface is lost.

    Attributes
    ----------
    mask : bool array
        The blocks that lie wholly within the mask, or partly.
    """

    def __init__(self, mask: Bool, joined: Sequence[int], partly: bool = False):
        self._fine = mask
        self._joined = tuple(joined)
        self._border = [(0, -n % j) for n, j in zip(mask.shape, joined, strict=True)]
        blocks, within = self._blocks(mask), (1, 3, 5)
        self.mask: Bool = np.asarray(blocks.any(within) if partly else blocks.all(within))

    def _blocks(self, image: NDArray[Any]) -> NDArray[Any]:
        image = np.pad(image, self._border)
        (a, b, c), (i, j, k) = image.shape, self._joined
        return image.reshape(a // i, i, b // j, j, c // k, k)

    def mean(self, image: Float) -> Float:
        """Return the mean of ``image`` (x, y, z) over each block, zero outside the mask."""
        return self.mean_of_all(image) * self.mask

    def mean_of_all(self, image: Float) -> Float:
        """Return the mean of ``image`` (x, y, z) over each block, also outside the mask."""
        means: Float = self._blocks(image).mean(axis=(1, 3, 5), dtype=np.float32)
        return means

    def interpolate(self, image: Float, elsewhere: Float) -> Float:
        """Return a coarse ``image`` on the fine grid, ``elsewhere`` where it is not known."""
        known = self.finer(self.mask.astype(np.float32))
        values = self.finer(image * self.mask)
        inside = self._fine & (known > 0.5)
        return np.where(inside, values / np.maximum(known, np.float32(0.5)), elsewhere)

    def spread(self, sources: Float, variance: Float) -> Float:
        """Return a coarse density of ``sources`` on the fine grid.

        What a block's voxels hold together is kept. They share it in proportion to their
        ``variance`` (x, y, z), as the most probable sources of the block's strength do.
        """
        least = np.float32(1e-30)  # what is behind the end has no variance
        density: Float = np.divide(sources, np.maximum(self.mean_of_all(variance), least))
        for axis, joined in enumerate(self._joined):
            density = density.repeat(joined, axis)
        x, y, z = self._fine.shape
        spread: Float = density[:x, :y, :z] * variance
        return spread

    def finer(self, image: Float) -> Float:
        """Return a coarse ``image`` on the fine grid, linear between the centres of blocks."""
        fine: Float = zoom(image, self._joined, order=1, mode="nearest", grid_mode=True)
        x, y, z = self._fine.shape
        return fine[:x, :y, :z]


class Coarser(NamedTuple):
    """A problem on a grid of twice the voxel size.

    Attributes
    ----------
    grid : CoarseGrid
        The way there and back.
    problem : Problem
        With the mean of the field over blocks, those that lie partly within the mask, too.
    precision : (x, y, z) float32 array
        The mean over blocks.
    """

    grid: CoarseGrid
    problem: Problem
    precision: Float


def coarser(problem: Problem, precision: Float) -> Coarser | None:
    """Return a problem on a coarser grid; none where that would not show the brain's shape.

    Parameters
    ----------
    problem : Problem
        Of which field, mask and geometry go over. Long edges of its voxels stay.
    precision : (x, y, z) float32 array
        By how much each voxel's field counts, zero outside the mask.
    """
    edges = problem.voxel_size
    shortest = min(edges)
    if 2 * shortest > _COARSEST:
        return None
    joined = [2 if edge < 1.5 * shortest else 1 for edge in edges]
    grid = CoarseGrid(problem.mask, joined, partly=True)
    if not grid.mask.any():
        return None
    counted, field = grid.mean(precision), grid.mean(precision * problem.field)
    np.divide(field, counted, out=field, where=counted > 0)
    size = tuple(edge * blocks for edge, blocks in zip(edges, joined, strict=True))
    return Coarser(grid, Problem(field, grid.mask, size, problem.b0_dir), counted)
