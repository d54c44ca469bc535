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
# Between these shares of the smooth field unexplained, a second network comes in. Of simulated
# heads 0.05 to 0.07 stay unexplained, after JDF 0.13 to 0.14, where errors have half of the
# field's size 0.2 to 0.28; of a field measured at 3 T and 1 mm it is 0.32.
LITTLE, MUCH = 0.2, 0.3
EDGE = 1 / 2  # what belongs to a strong source, as a share of what makes one
SMOOTH = 1.5  # voxels: noise is gone, errors of the model and of the background are not


def network_tv(
    problem: Problem,
    *,
    weights: str = "dcnet",
    second: str = "qsminvnet+",
    share: float = 0.5,
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

    Where much of the field stays unexplained, it holds what no simulation has taught the network.
    The errors of a network of another family are others: the map is then the mean with that of a
    second one.

    Parameters
    ----------
    problem : Problem
        With the local field.
    weights, second : str
        Path of a weights file, or the name of one that the package ships.
    share : float
        Of the second network's map in the mean, 0 to 1, at the most: from 0 to that where 20 to
        30 % of the smooth field are unexplained. With 0 there is no second network.
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
    if not 0 <= share <= 1:
        raise ValueError(f"the share of the second network must be from 0 to 1, not {share}")
    runs: dict[str, Reconstruction] = {}

    def solve(part: Float, name: str = weights) -> Float:
        given = replace(problem, field=part)
        runs[name] = network(given, weights=name, memory_gb=memory_gb, uncertainty=False)
        return runs[name].chi

    chi, details = refine(
        solve,
        problem,
        trust=trust,
        strong=strong,
        regularization=regularization,
        iterations=iterations,
    )
    details = {**runs[weights].details, **details}
    part = second_share(details["UnexplainedField"], share)
    if part:
        sources = strong_sources(chi, problem.mask, strong)
        other = around(lambda field: solve(field, second), problem, sources)
        chi = (1 - part) * chi + part * other
        details["SecondNetwork"] = {
            "Share": round(float(part), 3),
            **runs[second].details["Weights"],
        }
    found = Reconstruction(chi, details=details)
    return with_uncertainty(found, problem) if uncertainty else found


def second_share(unexplained: float, most: float) -> np.float32:
    """Return the share of a second network's map, of which there is ``most`` at the most.

    Parameters
    ----------
    unexplained : float
        See `unexplained_field`.
    most : float
        From 0 to 1.
    """
    return np.float32(most * np.clip((unexplained - LITTLE) / (MUCH - LITTLE), 0, 1))


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
    mask = problem.mask

    def fitted(sources: Float) -> tuple[Float, dict[str, Any]]:
        prior = around(solve, problem, sources)
        unexplained = unexplained_field(prior, problem)
        beta = trust or fitting_trust(unexplained)
        chi = minimise(problem, regularization, iterations, prior=prior, trust=beta)
        return chi, {
            "PriorTrust": round(beta, 5),
            "UnexplainedField": round(unexplained, 4),
            "StrongSourceVoxels": int(np.count_nonzero(sources)),
        }

    first = fitted(np.zeros_like(problem.field))
    sources = strong_sources(first[0], mask, strong)
    return fitted(sources) if sources.any() else first


def around(solve: Callable[[Float], Float], problem: Problem, sources: Float) -> Float:
    """Return a network's map with given sources, whose field it does not see.

    Parameters
    ----------
    solve : callable
        The network, see `refine`.
    problem : Problem
        With the local field.
    sources : (x, y, z) float32 array
        Susceptibility in ppm.

    Returns
    -------
    (x, y, z) float32 array
        In ppm, of zero mean over the mask: the network's map has, and the sources would lift the
        whole brain. Zero outside.
    """
    mask = problem.mask
    rest = problem.field - problem.dipole(sources) if sources.any() else problem.field
    chi = solve(np.where(mask, rest, np.float32(0))) + sources
    return np.where(mask, chi - chi[mask].mean(), np.float32(0))


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


def unexplained_field(prior: Float, problem: Problem) -> float:
    """Return how much of the field a map leaves unexplained, as a share of its mean size.

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
    return float(np.abs(smooth).mean() / max(float(np.abs(field[mask]).mean()), 1e-9))


def fitting_trust(unexplained: float) -> float:
    """Return the weight of a prior that leaves so much of the field, see `unexplained_field`."""
    return float(np.clip(TRUST * (unexplained / UNEXPLAINED) ** POWER, *LIMITS))
