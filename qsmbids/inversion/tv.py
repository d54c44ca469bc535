"""Weighted total-variation inversion by ADMM."""

from __future__ import annotations

import numpy as np
import scipy.fft as sf

from qsmbids.array_types import Bool, Float
from qsmbids.checks import check_solver
from qsmbids.inversion.splitting import Prior, Splitting, WeightedData, pad
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
        data.start(sf.irfftn(sf.rfftn(chi) * dipole.kernel, dipole.padded))
        splitting.start(chi)
    for step in range(iterations):
        spectrum = data.pull(dipole)
        image = splitting.pull()
        if known is not None:
            image += known.pull(chi)
        spectrum += sf.rfftn(image)
        spectrum *= splitting.inverse
        new = sf.irfftn(spectrum, dipole.padded)
        chi -= new
        change = float(np.linalg.norm(chi) / (np.linalg.norm(new) + 1e-12))
        chi = new
        if change < tolerance and step >= LEAST:
            break
        spectrum *= dipole.kernel
        data.update(sf.irfftn(spectrum, dipole.padded))
        splitting.update(chi)
    return chi[tuple(slice(n) for n in field.shape)]
