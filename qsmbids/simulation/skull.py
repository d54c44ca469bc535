"""Everything around the brain: skull, scalp, face, neck, and the air in and around them."""

from __future__ import annotations

import numpy as np

from qsmbids.array_types import Float
from qsmbids.simulation.head_grid import Grid, SmoothField
from qsmbids.simulation.solids import (
    Placed,
    band,
    ellipsoid,
    ellipsoid_distance,
    fill,
    mirrored,
    tube,
)
from qsmbids.simulation.tissues import Canvas

# centre and radii in mm; the lateral ones are mirrored
LATERAL_AIR = [
    ((10, 78, 2), (10, 5.5, 13)),  # frontal
    ((7.5, 48, -36), (6, 17, 9)),  # ethmoid
    ((8, 20, -42), (8, 11, 8.5)),  # sphenoid
    ((30, 48, -66), (13, 16, 15)),  # maxillary
    ((5, 52, -66), (2.2, 26, 15)),  # nasal cavity
    ((52, -32, -44), (8, 9, 12)),  # mastoid cells
]
EAR_CANAL = [(46, -20, -42), (62, -22, -45), (90, -24, -46)]
PHARYNX = [(0, 24, -64), (0, 8, -75), (0, 2, -110), (0, 2, -200)]


def head_distance(grid: Grid, hull: Float) -> Float:
    """Return about the signed distance in mm to the skin, negative inside."""
    p = grid.coordinates
    skin = hull - np.float32(13)
    face = ellipsoid_distance(p, (0, 28, -62), (62, 66, 80))
    jaw = ellipsoid_distance(p, (0, 48, -112), (40, 40, 32))
    nose = ellipsoid_distance(p, (0, 98, -62), (13, 18, 22))
    neck = np.maximum(ellipsoid_distance(p, (0, -22, -160), (58, 62, 1000)), p[2] + np.float32(45))
    body = ellipsoid_distance(p, (0, -30, -330), (220, 110, 150))
    for part, blend in ((face, 25), (jaw, 20), (nose, 8), (neck, 25), (body, 40)):
        skin = _smooth_minimum(skin, part, blend)
    return skin


def _smooth_minimum(a: Float, b: Float, width: float) -> Float:
    overlap = np.clip(np.float32(0.5) + (b - a) / np.float32(2 * width), 0, 1)
    blended: Float = b + overlap * (a - b) - np.float32(width / 2) * overlap * (1 - overlap)
    return blended


def paint_surroundings(
    canvas: Canvas,
    grid: Grid,
    distances: tuple[Float, Float],
    rng: np.random.Generator,
    *,
    sinuses: bool,
) -> None:
    """Paint what lies outside of the brain; the brain itself is painted over it later.

    Parameters
    ----------
    canvas, grid : Canvas, Grid
        Where to paint.
    distances : two (x, y, z) arrays
        Signed distances in mm to the brain's surface and to its hull.
    rng : numpy.random.Generator
        Random generator, for the thickness of the bone and the cells of the mastoid.
    sinuses : bool
        Whether the head holds air.
    """
    brain_distance, hull = distances
    uneven = SmoothField(22.0, rng).on(grid.axes)
    cells = SmoothField(4.0, rng, half_span=150.0).on(grid.axes)
    skin = head_distance(grid, hull)
    everywhere = np.ones(grid.shape, np.float32)
    canvas.paint("muscle", everywhere, s0=np.float32(0.5) + np.float32(0.05) * cells)
    fat = band(skin, -5.5 - np.float32(0.8) * uneven, -1.8, grid.edge)
    canvas.paint("fat", fat)
    _paint_eyes(canvas, grid)
    _paint_skull(canvas, grid, brain_distance, uneven)
    if sinuses:
        for box, share in _air_spaces(grid, cells):
            clear = fill(np.float32(2.5) - brain_distance[box], grid.edge)
            canvas.paint("air", share * clear, box)
    canvas.paint("air", 1 - fill(skin, grid.edge))


def _paint_skull(canvas: Canvas, grid: Grid, distance: Float, uneven: Float) -> None:
    outer = np.float32(7.5) + np.float32(0.8) * uneven
    canal = tube(grid, [(0, -42, -60), (0, -50, -80), (0, -48, -260)], [9.0, 8.0, 8.0])
    bone = fill(distance - outer, grid.edge)
    if canal is not None:
        bone[canal[0]] *= 1 - canal[1]
    canvas.paint("bone", bone)
    canvas.paint("marrow", bone * band(distance, 3.6, outer - np.float32(1.6), grid.edge))
    canvas.paint("fluid", fill(distance - np.float32(1.8), grid.edge))
    if canal is not None:
        canvas.paint("fluid", canal[1], canal[0])


def _paint_eyes(canvas: Canvas, grid: Grid) -> None:
    for side in (-1, 1):
        orbit = ellipsoid(grid, mirrored((30, 60, -36), side), (17, 24, 17))
        eye = ellipsoid(grid, mirrored((32, 70, -36), side), (12, 12, 12))
        if orbit is not None:
            canvas.paint("fat", orbit[1], orbit[0])
        if eye is not None:
            canvas.paint("fluid", eye[1], eye[0])


def _air_spaces(grid: Grid, cells: Float) -> list[Placed]:
    pharynx = tube(grid, PHARYNX, [6.0, 8.0, 8.0, 9.0])
    placed: list[Placed | None] = []
    for side in (-1, 1):
        placed.append(tube(grid, [mirrored(p, side) for p in EAR_CANAL], [3.0, 3.2, 4.0]))
        placed += [ellipsoid(grid, mirrored(c, side), r) for c, r in LATERAL_AIR]
    spaces = [pharynx] if pharynx is not None else []
    for solid in placed:
        if solid is not None:  # thin walls run through these
            box, share = solid
            spaces.append((box, share * np.clip(1.2 + np.float32(0.5) * cells[box], 0, 1)))
    return spaces
