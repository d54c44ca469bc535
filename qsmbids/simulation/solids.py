"""Soft-edged solids in template space: the share of each voxel that they fill."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from qsmbids.array_types import Float
from qsmbids.simulation.head_grid import Box, Grid

Point = Sequence[float]
Placed = tuple[Box, Float]


def fill(distance: Float, edge: float) -> Float:
    """Return the filled share for a signed ``distance`` in mm, negative inside."""
    share: Float = np.clip(np.float32(0.5) - distance / np.float32(edge), 0, 1)
    return share


def band(distance: Float, inner: float | Float, outer: float | Float, edge: float) -> Float:
    """Return the share between two level sets of ``distance``."""
    share: Float = np.clip(fill(distance - outer, edge) - fill(distance - inner, edge), 0, 1)
    return share


def ellipsoid_distance(points: Float, centre: Point, radii: Point, turn: float = 0.0) -> Float:
    """Return about the signed distance in mm from points (3, ...) to an ellipsoid.

    It is turned by ``turn`` degrees in the axial plane.
    """
    shifted = [points[i] - np.float32(centre[i]) for i in range(3)]
    if turn:
        cosine, sine = np.float32(np.cos(np.deg2rad(turn))), np.float32(np.sin(np.deg2rad(turn)))
        x, y, z = shifted
        shifted = [cosine * x + sine * y, cosine * y - sine * x, z]
    q = sum((s / np.float32(r)) ** 2 for s, r in zip(shifted, radii, strict=True))
    q2 = sum((s / np.float32(r * r)) ** 2 for s, r in zip(shifted, radii, strict=True))
    # first-order distance: the implicit function over the length of its gradient
    root = np.sqrt(q)
    distance: Float = root * (root - 1) / np.sqrt(q2 + np.float32(1e-9))
    return distance


def ellipsoid(grid: Grid, centre: Point, radii: Point, turn: float = 0.0) -> Placed | None:
    """Return the box around an ellipsoid and the share that it fills there."""
    box = grid.box(centre, max(radii) + grid.edge)
    if box is None:
        return None
    points = grid.coordinates[(slice(None), *box)]
    return box, fill(ellipsoid_distance(points, centre, radii, turn), grid.edge)


def tube(grid: Grid, path: Sequence[Point], radii: Sequence[float]) -> Placed | None:
    """Return the box around a tube along ``path`` and the share that it fills there."""
    nodes = np.asarray(path, np.float32)
    low, high = nodes.min(0), nodes.max(0)
    middle, reach = (low + high) / 2, float((high - low).max()) / 2 + max(radii) + grid.edge
    box = grid.box(middle, reach)
    if box is None:
        return None
    points = grid.coordinates[(slice(None), *box)]
    nearest = np.full(points.shape[1:], np.inf, np.float32)
    for (a, ra), (b, rb) in pairwise(zip(nodes, radii, strict=True)):
        np.minimum(nearest, _segment_distance(points, a, b, ra, rb), out=nearest)
    return box, fill(nearest, grid.edge)


def _segment_distance(points: Float, a: Float, b: Float, ra: float, rb: float) -> Float:
    along = b - a
    t = sum((points[i] - a[i]) * along[i] for i in range(3)) / max(float(along @ along), 1e-6)
    t = np.clip(t, 0, 1)
    d2 = sum((points[i] - a[i] - t * along[i]) ** 2 for i in range(3))
    distance: Float = np.sqrt(d2) - (np.float32(ra) + t * np.float32(rb - ra))
    return distance


def mirrored(point: Point, side: int) -> tuple[float, float, float]:
    """Return ``point`` on the left (-1) or the right (+1) side of the head."""
    return side * point[0], point[1], point[2]
