"""Nonlinear dipole inversion."""

from __future__ import annotations

from functools import partial

import numpy as np

from qsmbids.array_types import Float
from qsmbids.physics.problem import Problem

# As steep as the data term gets, |D| <= 2/3 twice and both terms of the phasor: 2 / (4 / 9).
LARGEST_STEP = 4.5
LINEAR_SHARE = 2  # the first half of the steps


def ndi(
    problem: Problem,
    *,
    iterations: int = 20,
    step: float = 4.0,
    regularization: float = 1e-2,
    phase_scale: float = 20.0,
) -> Float:
    r"""Return the map of least distance of phasors, by gradient descent that is stopped early.

    :math:`\|W (e^{i s D\chi} - e^{i s f})\|^2 / 2s^2 + \alpha \|\chi\|^2 / 2`. The sine in its
    gradient keeps voxels with a wrong field from pulling the rest; the first half of the
    steps goes without it, since phasors more than half a turn apart would be pulled to the wrong
    turn. Sources outside the mask are left free: those in its eroded rim shape the field inside.

    Parameters
    ----------
    problem : Problem
        The scale of its weight does not matter.
    iterations : int
        Steps; fewer regularise more.
    step : float
        Step size, below 4.5, where the iteration would diverge.
    regularization : float
        Alpha.
    phase_scale : float
        s, the radians that stand for 1 ppm; 20 is 3 T at 25 ms.

    References
    ----------
    Polak et al., NMR Biomed 33:e4271 (2020), eq. 6.
    """
    if iterations < 1:
        raise ValueError(f"NDI needs at least one iteration, not {iterations}")
    if not 0 < step < LARGEST_STEP:
        raise ValueError(f"the NDI step must lie between 0 and {LARGEST_STEP}, not {step}")
    if phase_scale <= 0 or regularization < 0:
        raise ValueError("NDI's phase_scale must be positive, its regularization not negative")
    dipole, weight2 = problem.dipole, problem.squared_weight()
    # Above-average weights count as average: divided by the largest, most voxels would hardly move.
    np.minimum(weight2, 1, out=weight2)
    weight2 *= np.float32(step / weight2.max())
    scale, keep = np.float32(phase_scale), np.float32(1 - step * regularization)
    chi, residual = np.zeros_like(problem.field), np.empty_like(problem.field)

    def misfit(slab: slice, field: Float, linear: bool) -> None:
        rest = np.subtract(field, problem.field[slab], out=residual[slab])
        if not linear:
            rest *= scale
            np.sin(rest, out=rest)
            rest /= scale
        rest *= weight2[slab]

    def descend(slab: slice, gradient: Float) -> None:
        chi[slab] *= keep
        chi[slab] -= gradient

    for iteration in range(iterations):
        linear = iteration < iterations // LINEAR_SHARE
        dipole.stream(lambda slab: chi[slab], partial(misfit, linear=linear))
        dipole.stream(lambda slab: residual[slab], descend)
    return chi
