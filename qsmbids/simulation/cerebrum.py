"""The brain: white and grey matter, fluid, and the deep nuclei."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qsmbids.array_types import Float
from qsmbids.simulation.atlas import Sampled
from qsmbids.simulation.head_grid import Grid, SmoothField
from qsmbids.simulation.solids import Placed, Point, ellipsoid, mirrored, tube
from qsmbids.simulation.tissues import TISSUES, Canvas


def _ramp(image: Float, low: float, high: float) -> Float:
    share: Float = np.clip((image - np.float32(low)) / np.float32(high - low), 0, 1)
    return share


@dataclass(frozen=True, eq=False)
class Texture:
    """What makes a tissue uneven: two smooth fields of unit variance, coarse and fine."""

    coarse: Float
    fine: Float

    @classmethod
    def on(cls, grid: Grid, rng: np.random.Generator) -> Texture:
        """Draw the texture of a brain."""
        coarse = SmoothField(14.0, rng, half_span=150.0).on(grid.axes)
        return cls(coarse, SmoothField(3.5, rng, half_span=150.0).on(grid.axes))


def paint_brain(
    canvas: Canvas, grid: Grid, maps: Sampled, texture: Texture, values: np.random.Generator | None
) -> None:
    """Paint tissue into the template's brain.

    Parameters
    ----------
    canvas, grid : Canvas, Grid
        Where to paint.
    maps : Sampled
        The template on the grid.
    texture : Texture
        Unevenness within the tissues.
    values : numpy.random.Generator, optional
        Varies the tissues' mean values; typical ones by default.
    """
    brain = maps.t1 > 0.15
    fluid = 1 - _ramp(maps.t1, 0.40, 0.60)
    # the average of many brains is blurred at the cortex: sharpen the boundary
    white = _ramp(maps.wm / np.maximum(maps.wm + maps.gm, 0.1), 0.32, 0.68)
    # fibre-rich white matter is brighter on T1 and more diamagnetic
    density = np.clip(maps.t1 - np.float32(0.85), -0.1, 0.1)
    wm, gm = (TISSUES[n].chi + _vary(values, 0.006) for n in ("white matter", "grey matter"))
    mottled = 0.006 * texture.coarse + 0.006 * texture.fine
    everywhere = brain.astype(np.float32)
    canvas.paint("grey matter", everywhere, chi=gm + mottled, s0=_signal("grey matter", texture))
    canvas.paint(
        "white matter",
        everywhere * white,
        chi=wm - np.float32(0.15) * density + np.float32(0.8) * mottled,
        s0=_signal("white matter", texture) - np.float32(0.5) * density,
    )
    _paint_nuclei(canvas, grid, maps, texture, values)
    canvas.paint("fluid", everywhere * fluid, chi=np.float32(0.3) * mottled)


def _signal(name: str, texture: Texture) -> Float:
    return np.float32(TISSUES[name].s0) * (1 + np.float32(0.02) * texture.fine)


def _vary(values: np.random.Generator | None, size: float) -> float:
    return 0.0 if values is None else float(values.normal(0, size))


CAUDATE = [(11, 19, -2), (12, 17, 6), (13, 10, 12), (15, 0, 18), (17.5, -10, 21), (20, -20, 22)]
CAUDATE += [(25, -31, 17), (29, -38, 8)]
CAUDATE_RADII = [6.0, 7.5, 6.0, 4.5, 3.5, 3.0, 2.0, 1.5]


def nuclei(grid: Grid, maps: Sampled, side: int) -> dict[str, tuple[Placed | None, Float]]:
    """Return the solid of each nucleus on one side, and what cuts it to shape; not the dentate's.

    Parameters
    ----------
    grid, maps : Grid, Sampled
        The grid, and the template on it.
    side : int
        -1 left, 1 right.
    """
    grey, parenchyma = _ramp(maps.gm, 0.22, 0.45), _ramp(maps.t1, 0.50, 0.62)

    def at(centre: Point, radii: Point, turn: float = 0.0) -> Placed | None:
        return ellipsoid(grid, mirrored(centre, side), radii, side * turn)

    caudate = tube(grid, [mirrored(p, side) for p in CAUDATE], CAUDATE_RADII)
    return {
        "thalamus": (at((11.5, -18, 7), (9, 15, 9), 25), _ramp(maps.gm, 0.15, 0.5)),
        "caudate": (caudate, grey),
        "putamen": (at((26, 2, 1), (6.5, 18, 13), 14), grey),
        "pallidum": (at((19.5, -4, -1), (4.2, 9.5, 6.5), 24), parenchyma),
        "substantia nigra": (at((10, -18, -12), (2.6, 7.5, 4.2), 40), parenchyma),
        "red nucleus": (at((5, -21, -9), (3.1, 3.4, 4.2)), parenchyma),
    }


def _paint_nuclei(
    canvas: Canvas,
    grid: Grid,
    maps: Sampled,
    texture: Texture,
    values: np.random.Generator | None,
) -> None:
    """Paint each nucleus: a solid at its place, cut to shape by the template's intensities."""
    for side in (-1, 1):
        for name, (placed, cut) in nuclei(grid, maps, side).items():
            chi = TISSUES[name].chi * (1 + _vary(values, 0.12))
            if placed is None:
                continue
            box, share = placed
            # nuclei are uneven too: iron follows their own gradients
            uneven = 1 + np.float32(0.12) * texture.coarse[box]
            uneven += np.float32(0.10) * texture.fine[box]
            canvas.paint(name, share * cut[box], box, chi=np.float32(chi) * uneven)
        _paint_dentate(canvas, grid, texture, side, TISSUES["dentate"].chi + _vary(values, 0.012))


def dentate(grid: Grid, side: int) -> Placed | None:
    """Return the dentate nucleus: a sheet around its white core, open to the midline."""
    centre = mirrored((15, -57, -34), side)
    outer = ellipsoid(grid, centre, (7.0, 9.5, 6.0), -side * 20)
    inner = ellipsoid(grid, mirrored((13.5, -56, -33.5), side), (5.4, 7.6, 4.2), -side * 20)
    if outer is None or inner is None:
        return None
    box, share = outer
    hollow = np.zeros(grid.shape, np.float32)
    hollow[inner[0]] = inner[1]
    return box, share * (1 - hollow[box])


def _paint_dentate(canvas: Canvas, grid: Grid, texture: Texture, side: int, chi: float) -> None:
    """Paint the dentate nucleus, crumpled."""
    placed = dentate(grid, side)
    if placed is None:
        return
    box, share = placed
    folds = np.clip(0.85 + np.float32(0.35) * texture.fine[box], 0, 1)
    canvas.paint("dentate", share * folds, box, chi=chi)
