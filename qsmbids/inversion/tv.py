"""Weighted total-variation inversion by ADMM."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qsmbids.array_types import Bool, Complex, Float
from qsmbids.checks import check_solver
from qsmbids.inversion.splitting import Prior, Splitting, WeightedData, pad
from qsmbids.physics import DipoleConvolution
from qsmbids.physics.coarse_grid import coarser
from qsmbids.physics.kspace import through_kspace
from qsmbids.physics.noise import unexplained_level
from qsmbids.physics.problem import Problem

COARSE_ITERATIONS, COARSE_SHARE = 12, 0.2
"""On each coarser grid, and the regularization there: less, for it is a start and no map."""
FROM_ZERO = 1.5
"""How many times the iterations a fit takes that has no start."""
LEAST = 3  # iterations: a start is near the solution before what couples it has settled


def tv(
    problem: Problem,
    *,
    regularization: float = 0.15,
    iterations: int = 20,
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
        At the most; half as many again where voxels are too large for a coarser grid to start from.
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
    iterations: int = 20,
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
        A map near the solution, inside the mask and around it; by default that on a coarser grid,
        or zero where the voxels are too large for one. What is smooth takes many iterations on
        the grid itself.

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
    near = start is not None
    start = start if near else _on_coarser_grid(problem, regularization)
    iterations = iterations if start is not None else round(FROM_ZERO * iterations)
    dipole, field = problem.dipole, problem.field
    lam = np.float32(regularization * unexplained_level(field, problem.mask))
    known = None if prior is None else Prior(prior, problem.mask, dipole.padded, trust)
    iteration = _Iteration(
        WeightedData(dipole, field, problem.squared_weight()),
        Splitting(dipole, lam, trust, edges),
        known,
        dipole,
    )
    if start is not None:
        iteration.start(start, near)
    for number in range(iterations):
        if iteration.step() < tolerance and number >= LEAST:
            break
        iteration.splitting.update(iteration.chi)
    return iteration.chi[tuple(slice(n) for n in field.shape)]


def _on_coarser_grid(problem: Problem, regularization: float) -> Float | None:
    found = coarser(problem, problem.squared_weight())
    if found is None:
        return None
    coarse = replace(found.problem, weight=np.sqrt(found.precision))
    return found.grid.finer(minimise(coarse, COARSE_SHARE * regularization, COARSE_ITERATIONS))


class _Iteration:
    """The map, on the padded grid, and what pulls at it."""

    def __init__(
        self,
        data: WeightedData,
        splitting: Splitting,
        known: Prior | None,
        dipole: DipoleConvolution,
    ):
        self.data, self.splitting, self.known, self.dipole = data, splitting, known, dipole
        self.chi: Float = np.zeros(dipole.padded, np.float32)
        self._norms = np.empty((len(self.chi), 2))  # squared, of step and map, where slabs start

    def start(self, chi: Float, near: bool) -> None:
        """Begin at a map (x, y, z) in ppm, which may be near to the solution."""
        self.chi = pad(chi, self.dipole.padded)
        data = self.data.hold if near else self.data.start
        through_kspace([lambda slab: self.chi[slab]], self._convolve, [data], self.dipole.padded)
        self.splitting.start(self.chi)

    def step(self) -> float:
        """Go on to the next map, and return by what share of its norm it has changed."""
        self._norms[:] = 0
        sinks = [self.data.update, self._take]
        through_kspace([self.data.pull, self._pull], self._solve, sinks, self.dipole.padded)
        step, size = np.sqrt(self._norms.sum(axis=0))
        return float(step / max(size, 1e-12))

    def _convolve(self, parts: list[Complex], rows: slice) -> list[Complex]:
        parts[0] *= self.dipole.turned_kernel[rows]
        return parts

    def _pull(self, slab: slice) -> Float:
        image = self.splitting.pull(slab)
        return image if self.known is None else self.known.add_pull(image, self.chi, slab)

    def _solve(self, parts: list[Complex], rows: slice) -> list[Complex]:
        model, image = parts
        kernel = self.dipole.turned_kernel[rows]
        model *= kernel
        image += model
        image *= self.splitting.inverse[rows]
        return [np.multiply(image, kernel, out=model), image]

    def _take(self, slab: slice, image: Float) -> None:
        step = image - self.chi[slab]
        self._norms[slab.start] = np.vdot(step, step), np.vdot(image, image)
        self.chi[slab] = image
