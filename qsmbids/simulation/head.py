"""Simulating a head from its recipe."""

from __future__ import annotations

import numpy as np

from qsmbids.array_types import Float
from qsmbids.physics import b0_direction, forward_field
from qsmbids.simulation.atlas import sample_atlas, sample_distances
from qsmbids.simulation.cerebrum import Texture, paint_brain
from qsmbids.simulation.head_field import background_field, far_field, shim_field
from qsmbids.simulation.head_grid import Axes, Deformation, Grid, axes_of
from qsmbids.simulation.head_recipe import Head, HeadRecipe, relative_to_mean
from qsmbids.simulation.head_signal import acquire, receive_bias
from qsmbids.simulation.lesions import paint_lesion
from qsmbids.simulation.skull import paint_surroundings
from qsmbids.simulation.tissues import TISSUES, Canvas
from qsmbids.simulation.veins import grow_veins
from qsmbids.simulation.vessels import draw_vessels

AIR = np.float32(TISSUES["air"].chi)


def simulate_head(recipe: HeadRecipe) -> Head:
    """Simulate a head and its multi-echo gradient-echo acquisition.

    Parameters
    ----------
    recipe : HeadRecipe
        What to simulate; the same recipe always gives the same head.

    Returns
    -------
    Head
        Signal and truth as arrays.

    Raises
    ------
    ValueError
        If the grid holds no white matter while noise is asked for.
    """
    deformation = None if recipe.anatomy is None else Deformation(_rng(recipe, "shape"))
    grid = Grid(axes_of(recipe.shape, recipe.voxel_size), deformation)
    b0_dir = b0_direction(recipe.affine)
    canvas, mask = _build(recipe, grid)
    inside = relative_to_mean(canvas.chi, mask)
    local = forward_field(inside, recipe.voxel_size, b0_dir)
    total = local + background_field(canvas.chi - AIR - inside, recipe.voxel_size, b0_dir)
    total += far_field(grid.axes, b0_dir, lambda axes: _beyond(recipe, axes, deformation))
    if mask.any():
        total -= np.float32(total[mask].mean(dtype=np.float64))
        if recipe.shim:
            total += shim_field(total, mask, grid.axes, _rng(recipe, "shim"))
    canvas.s0 *= receive_bias(grid, _rng(recipe, "coil"))
    magnitude, phase = acquire(recipe, canvas, grid, total, _rng(recipe, "signal"))
    return Head(
        recipe=recipe,
        chi=canvas.chi,
        paramagnetic=canvas.paramagnetic,
        labels=canvas.labels,
        brain_mask=mask,
        head_mask=canvas.labels != TISSUES["air"].label,
        total_field=total,
        local_field=np.where(mask, local, np.float32(0)),
        magnitude=magnitude,
        phase=phase,
        r2star=canvas.r2star,
        s0=canvas.s0,
        voxel_size=recipe.voxel_size,
        b0_dir=b0_dir,
        affine=recipe.affine,
    )


def _rng(recipe: HeadRecipe, part: str) -> np.random.Generator:
    """Return the random generator of one part of the head, independent of the other parts."""
    anatomical = part in ("shape", "values", "veins", "skull", "calcification", "haemorrhage")
    seed = (recipe.anatomy or 0) if anatomical else recipe.seed
    return np.random.default_rng([seed, *part.encode()])


def _build(recipe: HeadRecipe, grid: Grid) -> tuple[Canvas, np.ndarray]:
    maps = sample_atlas(grid)
    canvas = Canvas(recipe.shape, recipe.field_strength)
    distances = maps.distance, maps.hull
    paint_surroundings(canvas, grid, distances, _rng(recipe, "skull"), sinuses=recipe.sinuses)
    varied = recipe.anatomy is not None
    texture = Texture.on(grid, _rng(recipe, "texture"))
    paint_brain(canvas, grid, maps, texture, _rng(recipe, "values") if varied else None)
    if recipe.veins:
        share = draw_vessels(grid, grow_veins(_rng(recipe, "veins")))
        # outside of the brain, only the dura and the fluid hold veins, not the skull
        share *= np.clip(np.float32(3) - maps.distance, 0, 1)
        oxygen = TISSUES["vein"].chi + np.float32(0.04) * texture.coarse
        canvas.paint("vein", share, chi=np.clip(oxygen, 0.2, 0.45))
    for name in ("calcification", "haemorrhage"):
        if getattr(recipe, name):
            paint_lesion(canvas, grid, maps, name, _rng(recipe, name) if varied else None)
    return canvas, maps.t1 > 0.15


def _beyond(recipe: HeadRecipe, axes: Axes, deformation: Deformation | None) -> Float:
    grid = Grid(axes, deformation)
    canvas = Canvas(grid.shape, recipe.field_strength)
    rng = _rng(recipe, "skull")
    paint_surroundings(canvas, grid, sample_distances(grid), rng, sinuses=recipe.sinuses)
    return canvas.chi - AIR
