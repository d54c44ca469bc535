"""Total variation with a network's map as the prior."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.ndimage import binary_propagation, gaussian_filter

from qsmbids.inversion.network import network
from qsmbids.inversion.network_results import with_uncertainty
from qsmbids.inversion.reconstruction import Reconstruction
from qsmbids.inversion.tv import minimise
from qsmbids.physics.problem import Bool, Float, Problem

# How much the prior counts: TRUST where the smooth part of what the network leaves of the field
# is UNEXPLAINED of it, more or less elsewhere by a power of that. From two simulated heads whose
# fields hold noise, or smooth errors of 0 to 50 % of their spread, or what a background removal
# leaves: from 0.06 to 0.29 unexplained, the best beta goes from 0.006 to 0.3.
TRUST, UNEXPLAINED, POWER = 0.11, 0.2, 2.5
LIMITS = (0.004, 0.5)
EDGE = 1 / 2  # what belongs to a strong source, as a share of what makes one
SMOOTH = 1.5  # voxels: noise is gone, errors of the model and of the background are not


def network_tv(
    problem: Problem,
    *,
    weights: str = "dcnet",
    trust: float = 0.0,
    strong: float = 0.5,
    regularization: float = 0.15,
    iterations: int = 40,
    memory_gb: float = 3.0,
    uncertainty: bool = True,
) -> Reconstruction:
    r"""Apply a network, then fit the field with the least total variation around its map.

    Minimises :math:`\frac12 \|W (D\chi - f)\|^2 + \lambda \sum |G\chi|
    + \frac{\beta}{2} \|\chi - \chi_{net}\|^2`. Total variation alone is the better the truer the
    field is to the dipole model; the network alone withstands errors of the model. Beta follows
    what the network could not explain of the field's smooth part.

    Networks leave shadows around a haemorrhage or a calcification; total variation does not.
    Sources as strong as those are taken from a first map: the network is then given the
    field without theirs, and they are added to what it makes of that.

    Parameters
    ----------
    problem : Problem
        With the local field.
    weights : str
        Path of a weights file, or the name of one that the package ships.
    trust : float
        Beta; with 0 it is found from the field.
    strong : float
        Susceptibility in ppm, of either sign, that makes a source a strong one; it reaches as far
        as half of that. With 0 none is.
    regularization, iterations
        As in `qsmbids.inversion.tv.tv`.
    memory_gb : float
        As in `qsmbids.inversion.network.network`.
    uncertainty : bool
        Estimate how far the map may be off too, see `qsmbids.inference.predict_uncertainty`.

    Returns
    -------
    Reconstruction
        Susceptibility in ppm, which weights made the prior, and the trust in it.

    Raises
    ------
    InputError
        If the weights cannot be used.
    ValueError
        If an option is out of range, or the mask is too small for a network.
    """
    if trust < 0 or strong < 0:
        raise ValueError(f"trust and strong must not be negative, not {min(trust, strong)}")
    runs: list[Reconstruction] = []

    def solve(part: Float) -> Float:
        run = network(
            replace(problem, field=part), weights=weights, memory_gb=memory_gb, uncertainty=False
        )
        runs.append(run)
        return run.chi

    chi, details = refine(
        solve,
        problem,
        trust=trust,
        strong=strong,
        regularization=regularization,
        iterations=iterations,
    )
    found = replace(runs[-1], chi=chi, details={**runs[-1].details, **details})
    return with_uncertainty(found, problem) if uncertainty else found


def refine(
    solve: Callable[[Float], Float],
    problem: Problem,
    *,
    trust: float = 0.0,
    strong: float = 0.5,
    regularization: float = 0.15,
    iterations: int = 40,
) -> tuple[Float, dict[str, Any]]:
    """Return the map of least total variation around that of a network.

    Parameters
    ----------
    solve : callable
        The network: from a field in ppm to its map in ppm, which may be anything outside the mask.
    problem, trust, strong, regularization, iterations
        As in `network_tv`.

    Returns
    -------
    chi, details
        Susceptibility (x, y, z) in ppm; the trust in the network and the number of voxels of
        strong sources, for the sidecar.
    """
    mask, dipole = problem.mask, problem.dipole

    def around(sources: Float) -> tuple[Float, dict[str, Any]]:
        rest = problem.field - dipole(sources) if sources.any() else problem.field
        prior = solve(np.where(mask, rest, np.float32(0))) + sources
        # The network's map has zero mean, that of the sources would lift the whole brain.
        prior = np.where(mask, prior - prior[mask].mean(), np.float32(0))
        beta = trust or fitting_trust(prior, problem)
        chi = minimise(problem, regularization, iterations, prior=prior, trust=beta)
        strong_voxels = int(np.count_nonzero(sources))
        return chi, {"PriorTrust": round(beta, 5), "StrongSourceVoxels": strong_voxels}

    first = around(np.zeros_like(problem.field))
    sources = strong_sources(first[0], mask, strong)
    return around(sources) if sources.any() else first


def strong_sources(chi: Float, mask: Bool, threshold: float) -> Float:
    """Return the part of a map that strong sources make, zero elsewhere.

    Parameters
    ----------
    chi : (x, y, z) float32 array
        Susceptibility in ppm.
    mask : (x, y, z) bool array
        Where it counts.
    threshold : float
        Of its magnitude in ppm; neighbours belong to a source down to half of it. With 0
        there are no strong sources.
    """
    if not threshold:
        return np.zeros_like(chi)
    size = np.abs(chi)
    seeds = mask & (size > threshold)
    found = binary_propagation(seeds, mask=mask & (size > EDGE * threshold))
    return np.where(found, chi, np.float32(0))


def fitting_trust(prior: Float, problem: Problem) -> float:
    """Return the weight of the prior that fits what it leaves of the field.

    Parameters
    ----------
    prior : (x, y, z) float32 array
        The network's map in ppm, zero outside the mask.
    problem : Problem
        With the local field.
    """
    field, mask = problem.field, problem.mask
    residual = np.where(mask, field - problem.dipole(prior), np.float32(0))
    share = gaussian_filter(mask.astype(np.float32), SMOOTH)
    smooth = gaussian_filter(residual, SMOOTH)[mask] / share[mask]
    unexplained = float(np.abs(smooth).mean() / max(float(np.abs(field[mask]).mean()), 1e-9))
    return float(np.clip(TRUST * (unexplained / UNEXPLAINED) ** POWER, *LIMITS))
