"""Vessels drawn into a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from qsmbids.array_types import Float
from qsmbids.simulation.head_grid import Grid

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Vessel:
    """A path (n, 3) in template coordinates in mm, and its radius (n,) in mm at each node."""

    path: Points
    radius: Points


def draw_vessels(grid: Grid, vessels: Sequence[Vessel]) -> Float:
    """Return the share (x, y, z) of each voxel that vessels fill.

    A vessel thinner than a voxel fills the share of its cross-section.
    """
    spacing = 0.4 * min(grid.voxel_size)
    dense = [_dense(v, spacing) for v in vessels]
    index = _voxel_index(grid, np.concatenate([d.path for d in dense]))
    radius = np.concatenate([d.radius for d in dense])
    effective = np.maximum(radius, grid.edge / 2)
    share = np.zeros(grid.shape, np.float32)
    reach = np.ceil(effective).astype(int)
    for width in np.unique(reach):
        chosen = reach == width
        _splat(share, grid, index[chosen], radius[chosen], effective[chosen], float(width))
    return share


def _splat(
    share: Float, grid: Grid, index: Points, radius: Points, effective: Points, reach: float
) -> None:
    size = np.array(grid.voxel_size)
    span = [np.arange(-k, k + 1) for k in np.ceil((reach + grid.edge / 2) / size).astype(int)]
    offsets = np.stack(np.meshgrid(*span, indexing="ij"), -1).reshape(-1, 3)
    base = np.round(index).astype(int)
    amplitude = (radius / effective) ** 2
    for offset in offsets:
        voxel = base + offset
        inside = np.all((voxel >= 0) & (voxel < grid.shape), axis=1)
        distance = np.linalg.norm((voxel - index) * size, axis=1)
        filled = amplitude * np.clip(0.5 + (effective - distance) / grid.edge, 0, 1)
        keep = inside & (filled > 0)
        np.maximum.at(share, tuple(voxel[keep].T), filled[keep].astype(np.float32))


def _dense(vessel: Vessel, spacing: float) -> Vessel:
    lengths = np.linalg.norm(np.diff(vessel.path, axis=0), axis=1)
    position = np.concatenate([[0], np.cumsum(lengths)])
    at = np.arange(0, position[-1], spacing)
    path = np.stack([np.interp(at, position, c) for c in vessel.path.T], 1)
    return Vessel(path, np.interp(at, position, vessel.radius))


def _voxel_index(grid: Grid, points: Points) -> Points:
    """Return where template ``points`` (n, 3) lie on the grid, by fixed-point iteration."""
    first = np.array([a[0] for a in grid.axes])
    size = np.array(grid.voxel_size)
    index = (points - first) / size
    for _ in range(8):
        found = [
            ndimage.map_coordinates(c, index.T, order=1, mode="nearest") for c in grid.coordinates
        ]
        beyond = (index - np.clip(index, 0, np.array(grid.shape) - 1)) * size
        index = index + (points - np.stack(found, 1) - beyond) / size
    return np.asarray(index)
