"""A calcification and a haemorrhage."""

from __future__ import annotations

import numpy as np

from qsmbids.array_types import Float
from qsmbids.simulation.atlas import Sampled
from qsmbids.simulation.head_grid import Grid
from qsmbids.simulation.solids import ellipsoid
from qsmbids.simulation.tissues import TISSUES, Canvas

PLACES = {"calcification": (-27.0, -46.0, 22.0), "haemorrhage": (30.0, 22.0, 20.0)}
RADII = {"calcification": (3.2, 4.0, 3.0), "haemorrhage": (5.5, 4.5, 5.0)}


def paint_lesion(
    canvas: Canvas, grid: Grid, maps: Sampled, name: str, rng: np.random.Generator | None
) -> None:
    """Paint a lesion, weaker towards its rim.

    Parameters
    ----------
    canvas, grid, maps
        As in `qsmbids.simulation.cerebrum.paint_brain`.
    name : str
        ``"calcification"`` or ``"haemorrhage"``.
    rng : numpy.random.Generator, optional
        Chooses place, size and strength; the usual ones by default.
    """
    centre, radii, chi = PLACES[name], RADII[name], TISSUES[name].chi
    if rng is not None:
        centre = _random_place(grid, maps.distance, rng) or centre
        scale = rng.uniform(0.6, 1.5)
        radii = tuple(r * scale * f for r, f in zip(radii, rng.uniform(0.8, 1.25, 3), strict=True))
        chi *= rng.uniform(0.7, 1.3)
    for grown, strength in ((1.0, 0.55), (0.72, 1.0)):
        placed = ellipsoid(grid, centre, [r * grown for r in radii])
        if placed is not None:
            box, share = placed
            canvas.paint(name, share * (maps.t1[box] > 0.15), box, chi=strength * chi)


def _random_place(
    grid: Grid, distance: Float, rng: np.random.Generator
) -> tuple[float, float, float] | None:
    deep = np.flatnonzero(distance < -9)
    if deep.size == 0:
        return None
    chosen = np.unravel_index(int(deep[int(rng.random() * deep.size)]), distance.shape)
    x, y, z = (float(grid.coordinates[(axis, *chosen)]) for axis in range(3))
    return x, y, z
