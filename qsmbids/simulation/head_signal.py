"""The gradient-echo signal of a head: magnitude and phase of every echo."""

from __future__ import annotations

import math

import numpy as np

from qsmbids.array_types import Float
from qsmbids.physics import hz_per_ppm, radians_per_ppm
from qsmbids.simulation.head_grid import Grid, SmoothField
from qsmbids.simulation.head_recipe import HeadRecipe
from qsmbids.simulation.tissues import TISSUES, Canvas


def receive_bias(grid: Grid, rng: np.random.Generator) -> Float:
    """Return the smooth sensitivity (x, y, z) of the receive coils, about one."""
    bias: Float = np.exp(np.float32(0.15) * SmoothField(90.0, rng).on(grid.axes))
    return bias


def phase_offset(grid: Grid, rng: np.random.Generator) -> Float:
    """Return a smooth phase (x, y, z) at echo time zero, in radians."""
    return np.float32(1.3) * SmoothField(100.0, rng).on(grid.axes) + np.float32(rng.uniform(-3, 3))


def acquire(
    recipe: HeadRecipe, canvas: Canvas, grid: Grid, field: Float, rng: np.random.Generator
) -> tuple[Float, Float]:
    """Return magnitude and phase (echo, x, y, z) as a scanner with one combined coil sees them.

    Notes
    -----
    The field's change across a voxel spreads the phase of its spins evenly, which multiplies
    the signal by a sinc of that change along each axis (Yablonskiy et al., MRM 70:1283, 2013).
    """
    offset = phase_offset(grid, rng) if recipe.phase_offset else np.float32(0)
    sigma = _noise_level(recipe, canvas)
    # the field's change across each voxel along each axis, in ppm
    steps = [np.gradient(field, axis=axis) for axis in range(3)] if recipe.dephasing else []
    magnitude = np.empty((len(recipe.echo_times), *grid.shape), np.float32)
    phase = np.empty_like(magnitude)
    for echo, time in enumerate(recipe.echo_times):
        size = canvas.s0 * np.exp(canvas.r2star * np.float32(-time))
        for step in steps:
            cycles = step * np.float32(hz_per_ppm(recipe.field_strength) * time)
            size *= np.abs(np.sinc(cycles))
        angle = offset + field * np.float32(radians_per_ppm(recipe.field_strength, time))
        real, imaginary = size * np.cos(angle), size * np.sin(angle)
        if sigma > 0:
            real += sigma * rng.standard_normal(grid.shape, dtype=np.float32)
            imaginary += sigma * rng.standard_normal(grid.shape, dtype=np.float32)
        np.hypot(real, imaginary, out=magnitude[echo])
        np.arctan2(imaginary, real, out=phase[echo])
    return magnitude, phase


def _noise_level(recipe: HeadRecipe, canvas: Canvas) -> np.float32:
    if math.isinf(recipe.snr):
        return np.float32(0)
    white = canvas.labels == TISSUES["white matter"].label
    if not white.any():
        raise ValueError("the grid holds no white matter, so that an SNR has no meaning")
    signal = canvas.s0[white] * np.exp(-canvas.r2star[white] * np.float32(recipe.echo_times[0]))
    return np.float32(float(signal.mean()) / recipe.snr)
