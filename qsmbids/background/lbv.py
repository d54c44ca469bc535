"""Laplacian boundary value: the background solves Laplace's equation."""

from __future__ import annotations

from scipy.ndimage import binary_erosion

from qsmbids.array_types import Bool, Float
from qsmbids.background.laplace import without_harmonic_part
from qsmbids.background.unreliable import without_gaps
from qsmbids.checks import check_solver
from qsmbids.physics.problem import Problem


def lbv(
    problem: Problem,
    *,
    peel: int = 1,
    tolerance: float = 1e-4,
    max_iterations: int = 50,
) -> tuple[Float, Bool]:
    """Take off the harmonic field that agrees with the total field on the mask's surface.

    Parameters
    ----------
    problem : Problem
        With the total field; the weight only says which voxels are unknown.
    peel : int
        Layers of voxels taken off the mask first, for their field is the least reliable.
    tolerance : float
        Stop when the residual has fallen to this part of the first.
    max_iterations : int
        Multigrid cycles at the most.

    Returns
    -------
    local, mask
        Local field in ppm, and the mask less the peeled layers and the surface itself, where
        the method takes the local field as zero.

    Raises
    ------
    ValueError
        If the peel is negative.

    References
    ----------
    Zhou et al., NMR Biomed 27:312 (2014).
    """
    if peel < 0:
        raise ValueError("the number of layers to peel cannot be negative")
    check_solver(tolerance, max_iterations)
    total = without_gaps(problem)
    peeled = binary_erosion(problem.mask, iterations=peel) if peel else problem.mask
    interior = binary_erosion(peeled)
    local = without_harmonic_part(total, interior, problem.voxel_size, tolerance, max_iterations)
    return local, interior
