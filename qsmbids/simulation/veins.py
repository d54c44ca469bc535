"""A tree of veins: the sinuses, the deep veins by their anatomy, the fine ones grown at random."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from qsmbids.simulation.atlas import distance_at
from qsmbids.simulation.vessels import Points, Vessel

# nodes in mm on one side of the head, radius in mm at both ends
DEEP: list[tuple[list[tuple[float, float, float]], tuple[float, float]]] = [
    ([(2, 2, 14), (2, -12, 14.5), (2, -26, 12), (2, -37, 8), (0, -43, 5)], (0.8, 1.3)),
    ([(17, -20, 20), (15, -8, 18.5), (10, 0, 17), (2, 2, 14)], (0.4, 0.8)),
    ([(12, 30, 8), (6, 24, 9), (3, 14, 11), (2, 2, 14)], (0.3, 0.7)),
    ([(14, 2, -17), (19, -10, -15), (19, -24, -11), (9, -35, -4), (0, -43, 3)], (0.6, 1.2)),
    ([(26, -38, 14), (17, -36, 16), (8, -38, 10), (0, -43, 5)], (0.4, 0.9)),
]
STRAIGHT = [(0, -43, 5), (0, -58, -2), (0, -78, -10), (0, -101, -15)]
TRANSVERSE = [(0, -104, -14), (28, -98, -20), (50, -78, -26), (58, -56, -30), (46, -42, -44)]


def grow_veins(rng: np.random.Generator) -> list[Vessel]:
    """Return the veins of a head in template space."""
    sinus = _sagittal_sinus()
    vessels = [Vessel(sinus, np.linspace(1.2, 4.0, len(sinus)))]
    vessels.append(_vessel(STRAIGHT, (1.6, 2.4)))
    for side in (-1.0, 1.0):
        mirror = np.array([side, 1.0, 1.0])
        cross = _vessel(np.asarray(TRANSVERSE) * mirror, (3.5, 3.5))
        vessels.append(Vessel(_to_depth(cross.path, -1.0), cross.radius))
        for nodes, radius in DEEP:
            jitter = rng.normal(0, 0.6, (len(nodes), 3))
            jitter[0 if radius[0] > radius[1] else -1] = 0  # stay joined
            vessels.append(_vessel(np.asarray(nodes) * mirror + jitter, radius))
        vessels += _cortical(sinus, side, rng) + _medullary(side, rng)
    return vessels


def _sagittal_sinus() -> Points:
    """Follow the top of the brain in the midline from the forehead to the occiput."""
    angle = np.deg2rad(np.linspace(25, 188, 80))
    middle = np.array([0.0, -20.0, 5.0])
    ray = np.stack([np.zeros_like(angle), np.cos(angle), np.sin(angle)], 1)
    lengths = np.arange(40.0, 110.0, 0.5)
    depth = distance_at(middle + lengths[:, None, None] * ray)
    surface = lengths[np.argmax(depth > -1.5, axis=0)]
    surface = ndimage.gaussian_filter1d(surface, 2)
    return np.asarray(middle + surface[:, None] * ray)


def _cortical(
    sinus: Points, side: float, rng: np.random.Generator, count: int = 15
) -> list[Vessel]:
    """Grow veins from the sagittal sinus down over the hemisphere, with branches inwards."""
    start = sinus[np.linspace(5, len(sinus) - 12, count).astype(int)] + [side * 2, 0, -1]
    start[:, 1] += rng.normal(0, 3, count)
    heading = np.array([side, 0, -0.3]) + rng.normal(0, [0.1, 0.3, 0.1], (count, 3))
    stems = _walk(start, heading, 44, 0.16, rng, depth=-2.5)
    vessels = [Vessel(p, np.linspace(rng.uniform(0.8, 1.4), 0.5, len(p))) for p in stems]
    nodes = stems[:, 3:].reshape(-1, 3)
    chosen = nodes[rng.random(len(nodes)) < 0.3]
    along = rng.normal(0, 1, chosen.shape)
    branches = _walk(chosen, along, 8, 0.45, rng, depth=-3.0)
    inward = -_outward(chosen) + rng.normal(0, 0.35, chosen.shape)
    sulcal = _walk(chosen, inward, 9, 0.25, rng)
    for paths, thick in ((branches, 0.7), (sulcal, 0.55)):
        vessels += [Vessel(p, np.linspace(rng.uniform(0.35, thick), 0.25, len(p))) for p in paths]
    return vessels


def _medullary(side: float, rng: np.random.Generator, count: int = 45) -> list[Vessel]:
    """Grow thin veins from the wall of the lateral ventricle out into white matter."""
    along = rng.uniform(0, 1, count)
    y, z = 28 - 66 * along, 10 + 14 * np.sin(np.pi * along)
    start = np.stack([side * (13 + 13 * along), y, z], 1)
    fan = rng.normal(0, 0.3, count)
    ahead, up = 0.9 - 1.8 * along + fan, rng.uniform(0, 1, count)
    heading = np.stack([side * np.ones(count), ahead, up], 1)
    paths = _walk(start, heading, 13, 0.12, rng)
    return [Vessel(p, np.linspace(rng.uniform(0.3, 0.5), 0.15, len(p))) for p in paths]


def _walk(
    start: Points,
    heading: Points,
    steps: int,
    wander: float,
    rng: np.random.Generator,
    depth: float | None = None,
    step: float = 2.0,
) -> Points:
    """Return random walks (walker, step, 3), held at a ``depth`` below the surface if given."""
    position, heading = start.astype(float), _unit(heading)
    path = [position]
    for _ in range(steps):
        heading = _unit(heading + rng.normal(0, wander, position.shape))
        moved = position + step * heading
        if depth is not None:
            moved = _to_depth(moved, depth)
        heading = _unit(0.5 * heading + 0.5 * _unit(moved - position))
        position = moved
        path.append(position)
    return np.stack(path, 1)


def _unit(vectors: Points) -> Points:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6))


def _outward(points: Points) -> Points:
    """Return the unit normal of the brain's surface nearest to each point."""
    shift = 2.0 * np.eye(3)
    slope = [distance_at(points + s) - distance_at(points - s) for s in shift]
    return _unit(np.stack(slope, -1))


def _to_depth(points: Points, depth: float) -> Points:
    for _ in range(2):
        points = points + _outward(points) * (depth - distance_at(points))[..., None]
    return points


def _vessel(nodes: Sequence[Sequence[float]] | Points, radius: tuple[float, float]) -> Vessel:
    """Return a smooth vessel through about the ``nodes``."""
    nodes = np.asarray(nodes, float)
    t = np.linspace(0, len(nodes) - 1, 8 * len(nodes))
    path = np.stack([np.interp(t, np.arange(len(nodes)), c) for c in nodes.T], 1)
    smooth = ndimage.gaussian_filter1d(path, 3, axis=0, mode="nearest")
    smooth[[0, -1]] = path[[0, -1]]
    return Vessel(smooth, np.linspace(*radius, len(path)))
