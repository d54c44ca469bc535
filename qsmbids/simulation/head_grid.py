"""The grid of a simulated head in template space, and smooth random fields on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Float

Axes = list[NDArray[np.float64]]
Box = tuple[slice, slice, slice]

CENTRE = (0.0, -17.0, -2.0)
"""The template's coordinate in mm at the centre of the field of view."""
HALF_SPAN = 300.0
"""Smooth random fields are defined within this distance in mm of the centre."""


def axes_of(shape: Sequence[int], voxel_size: Sequence[float]) -> Axes:
    """Return the positions in mm of the voxels along each axis, in template space."""
    return [
        c + (np.arange(n, dtype=float) - n // 2) * v
        for c, n, v in zip(CENTRE, shape, voxel_size, strict=True)
    ]


class SmoothField:
    """A random field, smooth on a scale in mm, that can be evaluated on any grid.

    Cubic B-splines on a lattice of normal random numbers, so that two grids over one place see
    one field; scaled to unit variance.
    """

    def __init__(self, scale: float, rng: np.random.Generator, half_span: float = HALF_SPAN):
        count = int(np.ceil(2 * half_span / scale)) + 3
        self.scale, self.start = scale, -half_span - scale
        self.nodes = rng.standard_normal((count,) * 3, dtype=np.float32)

    def on(self, axes: Axes) -> Float:
        """Return the field (x, y, z) on the grid of ``axes``, positions in mm."""
        field: Float = self.nodes
        for axis, (positions, centre) in enumerate(zip(axes, CENTRE, strict=True)):
            index = (positions - centre - self.start) / self.scale
            basis = _cubic_b_spline(index[:, None] - np.arange(field.shape[axis])[None])
            field = along_axis(basis, field, axis)
        return field


def _cubic_b_spline(t: NDArray[np.float64]) -> Float:
    t = np.abs(t)
    inner = 2 / 3 - t**2 + t**3 / 2
    outer = np.clip(2 - t, 0, None) ** 3 / 6
    # a sum of squares of 0.479 makes the variance of independent nodes one along this axis
    return np.asarray(np.where(t < 1, inner, outer) / np.sqrt(0.479), np.float32)


def along_axis(matrix: Float, image: Float, axis: int) -> Float:
    """Return ``image`` with its lines along ``axis`` multiplied by ``matrix`` (new, old)."""
    product = np.tensordot(matrix, image, axes=(1, axis))
    return np.asarray(np.moveaxis(product, 0, axis), np.float32)


class Grid:
    """Where each voxel lies in the template: position plus a smooth displacement.

    Attributes
    ----------
    axes : list of (n,) arrays
        Undeformed positions in mm.
    coordinates : (3, x, y, z) float32
        Positions in template space in mm.
    edge : float
        Width in mm over which a surface is blurred by the voxel.
    """

    def __init__(self, axes: Axes, deformation: Deformation | None = None):
        self.axes = axes
        self.shape = tuple(len(a) for a in axes)
        self.voxel_size = tuple(float(a[1] - a[0]) for a in axes)
        self.edge = float(np.mean(self.voxel_size))
        self.coordinates = np.empty((3, *self.shape), np.float32)
        for axis, mesh in enumerate(np.meshgrid(*axes, indexing="ij", sparse=True)):
            self.coordinates[axis] = mesh
        if deformation is not None:
            deformation.apply(self)
        others = ((1, 2), (0, 2), (0, 1))
        self._low = [c.min(axis=o) for c, o in zip(self.coordinates, others, strict=True)]
        self._high = [c.max(axis=o) for c, o in zip(self.coordinates, others, strict=True)]

    def box(self, centre: Sequence[float], radius: float) -> Box | None:
        """Return slices that hold every voxel within ``radius`` mm of ``centre``, if any."""
        slices = []
        for c, low, high in zip(centre, self._low, self._high, strict=True):
            hit = np.flatnonzero((low <= c + radius) & (high >= c - radius))
            if hit.size == 0:
                return None
            slices.append(slice(int(hit[0]), int(hit[-1]) + 1))
        return slices[0], slices[1], slices[2]


class Deformation:
    """A random smooth change of the head's shape: scale, small rotation, displacement.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    """

    def __init__(self, rng: np.random.Generator):
        angles = rng.normal(0, 0.05, 3)
        rotation = np.eye(3) + np.array(
            [[0, -angles[2], angles[1]], [angles[2], 0, -angles[0]], [-angles[1], angles[0], 0]]
        )
        self.matrix = (rotation @ np.diag(rng.normal(1.0, 0.04, 3))).astype(np.float32)
        self.waves = [(60.0, 3.0), (28.0, 1.2)]  # scale and size in mm: no folding
        self.fields = [[SmoothField(s, rng) for _ in range(3)] for s, _ in self.waves]

    def apply(self, grid: Grid) -> None:
        """Displace the grid's coordinates in place."""
        centre = np.asarray(CENTRE, np.float32)
        points = grid.coordinates.reshape(3, -1) - centre[:, None]
        grid.coordinates[:] = (self.matrix @ points + centre[:, None]).reshape(3, *grid.shape)
        for (_, size), fields in zip(self.waves, self.fields, strict=True):
            for axis, field in enumerate(fields):
                grid.coordinates[axis] += np.float32(size) * field.on(grid.axes)
