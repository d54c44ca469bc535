"""From a scan's voxels to the network's cubic ones, upright, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Float


class CubicGrid(NamedTuple):
    """A grid of cubic voxels over the same field of view, its axes to right, anterior, superior.

    Attributes
    ----------
    shape : (3,) tuple of int
        Of the scan.
    order : (3,) tuple of int
        The scan's axis that becomes each axis.
    flips : (3,) tuple of bool
        Whether that axis runs the other way.
    steps : (3,) tuple of float
        Voxels of the scan, along those axes, that one cubic voxel is long.
    """

    shape: tuple[int, ...]
    order: tuple[int, ...]
    flips: tuple[bool, ...]
    steps: tuple[float, ...]

    @classmethod
    def over(
        cls,
        shape: Sequence[int],
        voxel_size: Sequence[float],
        affine: NDArray[np.float64],
        edge: float,
    ) -> CubicGrid:
        """Return the grid of voxels of ``edge`` mm over a scan with that affine."""
        from scipy.optimize import linear_sum_assignment  # a tenth of a second

        axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
        _, order = linear_sum_assignment(-np.abs(axes))
        flips = tuple(bool(axes[world, own] < 0) for world, own in enumerate(order))
        steps = tuple(edge / float(voxel_size[own]) for own in order)
        return cls(tuple(shape), tuple(int(own) for own in order), flips, steps)

    def sample(self, volume: Float) -> Float:
        """Return a scan's volume on the grid, averaged where its voxels are finer."""
        upright = self._turned(volume)
        factors = [max(1, int(step + 1e-3)) for step in self.steps]
        blocks = _block_means(upright, factors)
        for axis, (length, step, factor) in enumerate(
            zip(upright.shape, self.steps, factors, strict=True)
        ):
            size = max(2, round(length / step))
            # centres of the cubic voxels, which cover the field of view, in blocks
            places = (_centred(size, step, length) - (factor - 1) / 2) / factor
            blocks = _interpolated(blocks, axis, places)
        return blocks

    def restore(self, volume: Float) -> Float:
        """Return a volume of the grid on the scan's voxels, interpolated linearly."""
        for axis, step in enumerate(self.steps):
            length = self.shape[self.order[axis]]
            first = _centred(volume.shape[axis], step, length)[0]
            volume = _interpolated(volume, axis, (np.arange(length) - first) / step)
        flipped = volume[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]
        return np.ascontiguousarray(flipped.transpose(np.argsort(self.order)))

    def _turned(self, volume: Float) -> Float:
        turned = volume.transpose(self.order)
        return turned[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]


def _centred(size: int, step: float, length: int) -> NDArray[np.float64]:
    """Return the centres of ``size`` steps across the middle of an axis, in its voxels."""
    return np.asarray((np.arange(size) - (size - 1) / 2) * step + (length - 1) / 2, dtype=float)


def _block_means(volume: Float, factors: Sequence[int]) -> Float:
    """Return block means; the last block of an axis is completed with its last voxel."""
    pad = [(0, -n % factor) for n, factor in zip(volume.shape, factors, strict=True)]
    padded = np.pad(volume, pad, mode="edge") if any(after for _, after in pad) else volume
    blocks = [m for n, f in zip(padded.shape, factors, strict=True) for m in (n // f, f)]
    return np.asarray(padded.reshape(blocks).mean(axis=(1, 3, 5), dtype=np.float32))


def _interpolated(volume: Float, axis: int, places: NDArray[np.float64]) -> Float:
    """Return the volume at ``places`` along an axis; beyond its ends it stays as at the end."""
    last = volume.shape[axis] - 1
    places = np.clip(places, 0, last)
    low = np.minimum(places.astype(int), max(last - 1, 0))
    share = (places - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
    here, after = (np.take(volume, index, axis) for index in (low, np.minimum(low + 1, last)))
    return np.asarray(here + (after - here) * share)
