"""What a field is likely to be where it cannot be trusted, for networks, which take no weight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qsmbids.array_types import Bool
from qsmbids.inversion.estimate import estimate
from qsmbids.physics.filling import fill_smoothly
from qsmbids.physics.problem import Problem


def fill_unknown(problem: Problem, unknown: Bool) -> Problem:
    """Return the problem with the field that the rest of it explains in its unknown voxels.

    The phase is lost in and beside strong sources, whose field is steep: what lies around such a
    gap, continued smoothly, would hide the source from a network. A susceptibility of small total
    variation is fitted to the voxels that can be trusted, and its field fills the gap.

    Parameters
    ----------
    problem : Problem
        Its field is finite in the mask, but what it holds in the unknown voxels reaches nothing.
    unknown : (x, y, z) bool array
        Voxels of the mask.

    Returns
    -------
    Problem
        With the same field elsewhere, and with the fitted susceptibility as its estimate.
    """
    if not unknown.any():
        return problem
    if np.array_equal(unknown, problem.mask):
        smooth = fill_smoothly(problem.field, problem.mask, unknown, problem.voxel_size)
        return replace(problem, field=smooth)
    chi = estimate(problem, unknown)
    filled = np.where(unknown, problem.dipole(chi), problem.field)
    return replace(problem, field=filled, estimate=chi)
