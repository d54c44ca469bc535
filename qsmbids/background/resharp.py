"""RESHARP: regularised deconvolution of spherical mean values."""

from __future__ import annotations

import warnings

import numpy as np

from qsmbids.array_types import Bool, Float
from qsmbids.background.pdf import fit_dipoles
from qsmbids.background.spherical_mean import MeanValue, sphere
from qsmbids.background.unreliable import inpaint, reliability
from qsmbids.checks import check_solver
from qsmbids.errors import QsmbidsWarning
from qsmbids.physics.coarse_grid import CoarseGrid
from qsmbids.physics.problem import Problem, Vector
from qsmbids.physics.solve import conjugate_gradients

_COARSE_ITERATIONS = 8  # times those of the fine grid


def resharp(
    problem: Problem,
    *,
    radius: float = 6.0,
    regularisation: float = 1e-5,
    tolerance: float = 3e-4,
    max_iterations: int = 20,
) -> tuple[Float, Bool]:
    r"""Find the smallest local field that leaves a background equal to its spherical means.

    The local field minimises :math:`\| M (\delta - \rho) * (f - x) \|^2 + \lambda \| x \|^2`,
    with :math:`\rho` the ball's mean and M the mask eroded by the ball. The background is
    smooth: it is found on a grid of twice the voxel size first, where iterations cost an
    eighth, and that solution is the start.

    A ball with one voxel of garbage has a wrong mean. Unreliable voxels are therefore given
    the field of dipoles, outside the mask and in themselves, that fit the reliable ones.

    Parameters
    ----------
    problem : Problem
        With the total field.
    radius : float
        Of the ball, in mm; one below the longest edge of a voxel becomes that, with a
        `qsmbids.errors.QsmbidsWarning`.
    regularisation : float
        :math:`\lambda`; a larger one takes off more of the slowly varying local field.
    tolerance : float
        Stop when the residual has fallen to this part of the first.
    max_iterations : int
        Stop there at the latest; the coarse grid is given eight times as many
        and a tenth of the tolerance.

    Returns
    -------
    local, mask
        Local field in ppm, and the mask eroded by the ball.

    Raises
    ------
    ValueError
        If the radius or the regularisation is not positive.

    References
    ----------
    Sun and Wilman, Magn Reson Med 71:1151 (2014).
    """
    if not regularisation > 0:
        raise ValueError("the regularisation must be positive")
    if not radius > 0:
        raise ValueError("the radius must be positive")
    check_solver(tolerance, max_iterations)
    mask, voxel_size = problem.mask, problem.voxel_size
    radius = _reaching(radius, voxel_size)
    joined = [2 if 4 * s <= radius else 1 for s in voxel_size]
    grid = CoarseGrid(mask, joined)
    size = tuple(s * j for s, j in zip(voxel_size, joined, strict=True))
    total = _without_gaps(problem, grid, size)
    start = None
    if max(joined) > 1 and grid.mask.any():
        coarse = _Deconvolution(grid.mask, size, radius, regularisation)
        means = grid.mean(total)
        local = coarse.solve(means, tolerance / 10, _COARSE_ITERATIONS * max_iterations)
        start = (total - grid.interpolate(means - local, total)) * mask
    fine = _Deconvolution(mask, voxel_size, radius, regularisation)
    return fine.solve(total, tolerance, max_iterations, start), fine.eroded


def _reaching(radius: float, voxel_size: Vector) -> float:
    """Return the radius in mm, or a voxel's longest edge where the ball does not reach that far."""
    longest = float(max(voxel_size))
    if radius >= longest:
        return radius
    text = (
        f"The voxels are {longest:g} mm long, more than RESHARP's radius of {radius:g} mm: a "
        f"radius of {longest:g} mm was taken, and that much of the mask's rim is lost; "
        "--background jdf keeps it."
    )
    warnings.warn(text, QsmbidsWarning, stacklevel=2)
    return longest


def _without_gaps(problem: Problem, grid: CoarseGrid, size: Vector) -> Float:
    """Return the field with that of fitted dipoles where it is not reliable."""
    reliable = reliability(problem.weight, problem.mask)
    gaps = problem.mask & (reliable < 0.5)
    if not gaps.any():
        return problem.field
    total = inpaint(problem.field, reliable, problem.voxel_size)
    if not grid.mask.any():
        return total
    coarse = Problem(grid.mean(total), grid.mask, size, problem.b0_dir, grid.mean(reliable))
    _, explained = fit_dipoles(coarse)
    return np.where(gaps, grid.interpolate(explained, total), problem.field)


class _Deconvolution:
    """The fit on one grid."""

    def __init__(self, mask: Bool, voxel_size: Vector, radius: float, regularisation: float):
        self.mask, self.penalty = mask, np.float32(regularisation)
        self.mean_value = MeanValue(mask.shape, voxel_size)
        ball = sphere(radius, voxel_size)
        self.eroded = self.mean_value.erode(mask, ball)
        self.response = 1 - self.mean_value.spectrum(ball)

    def misfit(self, x: Float) -> Float:
        """Return the normal operator's first part, applied to an image."""
        y = self.mean_value.filter(x, self.response)
        y *= self.eroded
        y = self.mean_value.filter(y, self.response)
        y *= self.mask
        return y

    def solve(
        self, total: Float, tolerance: float, max_iterations: int, start: Float | None = None
    ) -> Float:
        """Return the local field of the total field, zero where the ball fits nowhere."""
        if not self.eroded.any():
            return np.zeros_like(total)
        return conjugate_gradients(
            lambda x: self.misfit(x) + self.penalty * x,
            self.misfit(total),
            tolerance,
            max_iterations,
            start=start,
        )
