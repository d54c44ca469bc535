"""Weighted total-variation inversion by ADMM."""

from __future__ import annotations

import numpy as np

from qsmbids.array_types import Bool, Complex, Float
from qsmbids.checks import check_solver
from qsmbids.inversion.splitting import Prior, Splitting, WeightedData, pad
from qsmbids.physics.kspace import through_kspace
from qsmbids.physics.noise import unexplained_level
from qsmbids.physics.problem import Problem

LEAST = 3  # iterations: a start is near the solution before what couples it has settled


def tv(
    problem: Problem,
    *,
    regularization: float = 0.15,
    iterations: int = 30,
    tolerance: float = 5e-3,
) -> Float:
    r"""Return the map of least total variation that fits the field.

    Minimises :math:`\frac12 \|W (D\chi - f)\|^2 + \lambda \sum |G\chi|`, where ``|G chi|`` is the
    gradient's length, so that edges cost the same in every direction. Sources outside the mask
    are left free: those in its eroded rim shape the field inside.

    Parameters
    ----------
    problem : Problem
        The scale of its weight does not matter.
    regularization : float
        Lambda over the field's uncertainty, which is read from the field itself; larger is
        smoother.
    iterations : int
        At the most.
    tolerance : float
        Stop when a step changes the map by less than this share of its norm.

    References
    ----------
    Bilgic et al., Magn Reson Med 72:1444 (2014); the splitting of the weighted data term is that
    of Milovic et al., Magn Reson Med 80:814 (2018), eq. 10; over-relaxed as in Boyd et al., Found
    Trends Mach Learn 3:1 (2011), section 3.4.3.
    """
    return minimise(problem, regularization, iterations, tolerance)


def minimise(
    problem: Problem,
    regularization: float,
    iterations: int = 30,
    tolerance: float = 5e-3,
    prior: Float | None = None,
    trust: float = 0.0,
    edges: Bool | None = None,
    start: Float | None = None,
) -> Float:
    r"""Solve `tv`'s problem, with :math:`\frac{\beta}{2} \|M (\chi - p)\|^2` added if so asked.

    Outside the mask M nothing is known of the sources: there each step is held to the one before
    instead, which costs no transform and leaves the solution what it is.

    Parameters
    ----------
    problem, regularization, iterations, tolerance
        As in `tv`.
    prior : (x, y, z) float32 array, optional
        The map p in ppm; what it is outside the mask does not matter.
    trust : float
        Beta, 0 without a prior, where the data term's curvature is the squared kernel, up to 4/9.
    edges : (x, y, z) bool array, optional
        Where an edge of the map costs less, ``splitting.AT_EDGES`` of lambda.
    start : (x, y, z) float32 array, optional
        A map near the solution, inside the mask and around it; zero by default.

    Returns
    -------
    (x, y, z) float32 array
        Susceptibility in ppm.
    """
    if regularization <= 0:
        raise ValueError(f"the regularization must be positive, not {regularization}")
    if iterations < 1:
        raise ValueError(f"TV needs at least one iteration, not {iterations}")
    check_solver(tolerance, iterations)
    dipole, field = problem.dipole, problem.field
    lam = np.float32(regularization * unexplained_level(field, problem.mask))
    splitting = Splitting(dipole, lam, trust, edges)
    known = None if prior is None else Prior(prior, problem.mask, dipole.padded, trust)
    data = WeightedData(dipole, field, problem.squared_weight())
    chi = np.zeros(dipole.padded, np.float32)
    if start is not None:
        chi = pad(start, dipole.padded)

        def convolve(parts: list[Complex], rows: slice) -> list[Complex]:
            return [parts[0] * dipole.turned_kernel[rows]]

        through_kspace([lambda slab: chi[slab]], convolve, [data.start], dipole.padded)
        splitting.start(chi)
    moved = np.empty((len(chi), 2))  # squared norms of the last step and of the map, by slab

    def pull(slab: slice) -> Float:
        image = splitting.pull(slab)
        return image if known is None else known.add_pull(image, chi, slab)

    def solve(parts: list[Complex], rows: slice) -> list[Complex]:
        model, image = parts
        kernel = dipole.turned_kernel[rows]
        model *= kernel
        image += model
        image *= splitting.inverse[rows]
        return [np.multiply(image, kernel, out=model), image]

    def take(slab: slice, image: Float) -> None:
        step = image - chi[slab]
        moved[slab.start] = np.vdot(step, step), np.vdot(image, image)
        chi[slab] = image

    for iteration in range(iterations):
        moved[:] = 0
        through_kspace([data.pull, pull], solve, [data.update, take], dipole.padded)
        step, size = np.sqrt(moved.sum(axis=0))
        if step < tolerance * size and iteration >= LEAST:
            break
        splitting.update(chi)
    return chi[tuple(slice(n) for n in field.shape)]
