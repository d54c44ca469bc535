"""A coarser grid, on which a smooth background is found in a fraction of the time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

from qsmbids.array_types import Bool, Float


class CoarseGrid:
    """Blocks of voxels of a grid.

    Parameters
    ----------
    mask : (x, y, z) bool array
        Where images on the fine grid are known.
    joined : (3,) sequence of int
        Voxels per block along each axis.

    Attributes
    ----------
    mask : bool array
        The blocks that lie wholly within the mask: the mean over a part of a block would stand
        at another place than its centre.
    """

    def __init__(self, mask: Bool, joined: Sequence[int]):
        self._fine = mask
        self._joined = tuple(joined)
        self._border = [(0, -n % j) for n, j in zip(mask.shape, joined, strict=True)]
        self.mask: Bool = np.asarray(self._blocks(mask).all(axis=(1, 3, 5)))

    def _blocks(self, image: NDArray[Any]) -> NDArray[Any]:
        image = np.pad(image, self._border)
        (a, b, c), (i, j, k) = image.shape, self._joined
        return image.reshape(a // i, i, b // j, j, c // k, k)

    def mean(self, image: Float) -> Float:
        """Return the mean of ``image`` (x, y, z) over each block, zero outside the mask."""
        means: Float = self._blocks(image).mean(axis=(1, 3, 5), dtype=np.float32)
        means *= self.mask
        return means

    def interpolate(self, image: Float, elsewhere: Float) -> Float:
        """Return a coarse ``image`` on the fine grid, ``elsewhere`` where it is not known."""
        known = self._finer(self.mask.astype(np.float32))
        values = self._finer(image * self.mask)
        inside = self._fine & (known > 0.5)
        return np.where(inside, values / np.maximum(known, np.float32(0.5)), elsewhere)

    def spread(self, sources: Float) -> Float:
        """Return a coarse density of ``sources`` on the fine grid.

        Blocks on the mask's surface hold sources outside of the mask: all of their strength
        goes to their voxels outside.
        """
        share = self._blocks((~self._fine).astype(np.float32)).mean(axis=(1, 3, 5))
        inside = self.mask
        density = sources / np.where(inside | (share == 0), np.float32(1), share)
        for axis, joined in enumerate(self._joined):
            density = density.repeat(joined, axis)
            inside = inside.repeat(joined, axis)
        x, y, z = self._fine.shape
        return np.where(inside[:x, :y, :z] == self._fine, density[:x, :y, :z], np.float32(0))

    def _finer(self, image: Float) -> Float:
        fine: Float = zoom(image, self._joined, order=1, mode="nearest", grid_mode=True)
        x, y, z = self._fine.shape
        return fine[:x, :y, :z]
