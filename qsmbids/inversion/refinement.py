"""A network's map refined by total variation, strong sources apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import binary_propagation, gaussian_filter

from qsmbids.array_types import Bool, Float
from qsmbids.inversion.edges import edge_voxels
from qsmbids.inversion.estimate import estimate, field_from_outside
from qsmbids.inversion.tv import minimise
from qsmbids.physics.gradient import spacing
from qsmbids.physics.problem import Problem, demean

# How much the prior counts: TRUST where the smooth part of what the network leaves of the field
# is UNEXPLAINED of it, more or less elsewhere by a power of that. From six simulated heads whose
# fields hold noise, grain, errors of 30 to 56 % of their spread, or what four background removals
# leave. Twice as much or half changes the whole map's error by 0.3 points; deep grey is the nearer
# to the truth the less it is.
TRUST, UNEXPLAINED, POWER = 0.07, 0.2, 4.0
LIMITS = (0.001, 0.5)
# Normal errors have this deviation over their mean size. Stray ones count by STRAY: of fields
# whose noise is ten times larger where the signal is weak, 0.05 to 0.16 is stray, of others,
# after a background removal too, 0 to 0.06.
NORMAL, STRAY = float(np.sqrt(np.pi / 2)), 2.0
BLUR = 1.0  # voxels, of the mean around a strong source
EDGE = 1 / 2  # what belongs to a strong source, as a share of what makes one
SMOOTH = 1.5  # voxels: noise is gone, errors of the model and of the background are not


@dataclass(frozen=True)
class RefineOptions:
    """How a network's map is refined.

    Parameters
    ----------
    trust : float
        Beta, the weight of the network's map; with 0 it is found from the field.
    strong : float
        What makes a source of either sign a strong one, over the third quartile of the map's size,
        which is some 0.02 ppm in a brain; it reaches as far as half of that. With 0 none is.
    edges : float
        Share of the magnitude's differences between neighbours in the mask that count as edges,
        at which the map may change at less cost, if there is a magnitude. With 0 none does.
    regularization : float
        Lambda over the field's uncertainty, which is read from the field; larger is smoother.
    iterations : int
        Of the fit with total variation, at the most.

    Raises
    ------
    ValueError
        If one of them is out of range.
    """

    trust: float = 0.0
    strong: float = 25.0
    edges: float = 0.15
    regularization: float = 0.15
    iterations: int = 12

    def __post_init__(self) -> None:
        if self.trust < 0 or self.strong < 0:
            least = min(self.trust, self.strong)
            raise ValueError(f"trust and strong must not be negative, not {least}")
        if not 0 <= self.edges < 1:
            raise ValueError(f"the share of edges must lie between 0 and 1, not {self.edges}")
        if not (self.regularization > 0 and self.iterations > 0):
            raise ValueError("regularization and iterations must be positive")


STANDARD = RefineOptions()


class Refined(NamedTuple):
    """A map, and what was found on the way to it."""

    chi: Float
    """Susceptibility (x, y, z) in ppm."""
    inner: Problem
    """The problem less the field of sources outside the mask, as the network saw it."""
    details: dict[str, Any]
    """For the sidecar."""


def refine(
    solve: Callable[[Float], Float], problem: Problem, how: RefineOptions = STANDARD
) -> Refined:
    """Return the map of least total variation around that of a network.

    A rough map, that of the problem if it brings one, shows the strong sources and the field of
    those outside the mask. The network sees neither; the fit that follows is given the whole
    field, and leaves what lies outside free.

    Parameters
    ----------
    solve : callable
        The network: from a field in ppm to its map in ppm, which may be anything outside the mask.
    problem : Problem
        With the local field; edges are those of its magnitude.
    how : RefineOptions
        By default as the method ``dcnet-tv`` does it.
    """
    mask = problem.mask
    rough = estimate(problem) if problem.estimate is None else problem.estimate
    outside = field_from_outside(rough, problem)
    inner = replace(problem, field=problem.field - outside)
    sources = strong_sources(demean(rough, mask), mask, how.strong)
    prior = around(solve, inner, sources)
    wrong = max(unexplained_field(prior, inner), STRAY * stray_field(prior, inner))
    beta = how.trust or fitting_trust(wrong)
    edges = None
    if how.edges and problem.magnitude is not None:
        edges = edge_voxels(problem.magnitude, mask, spacing(problem.voxel_size), how.edges)
    chi = minimise(
        problem,
        how.regularization,
        how.iterations,
        prior=prior,
        trust=beta,
        edges=edges,
        start=np.where(mask, prior, rough),
    )
    details = {
        "PriorTrust": round(beta, 5),
        "UnexplainedField": round(unexplained_field(prior, problem), 4),
        "FieldFromOutside": round(float(outside[mask].std() / problem.field[mask].std()), 4),
        "StrongSourceVoxels": int(np.count_nonzero(sources)),
        "MagnitudeEdges": edges is not None,
    }
    return Refined(chi, inner, details)


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
    return demean(chi, mask)


def strong_sources(chi: Float, mask: Bool, strong: float) -> Float:
    """Return the part of a map that strong sources make, zero elsewhere.

    A single voxel that stands out is noise more often than a source: the mean around it, too, has
    to be half as strong, and of the same sign.

    Parameters
    ----------
    chi : (x, y, z) float32 array
        Susceptibility in ppm.
    mask : (x, y, z) bool array
        Where it counts.
    strong : float
        See `RefineOptions`: a relative limit, so that half of a field gives half of its map.
    """
    if not strong:
        return np.zeros_like(chi)
    threshold = strong * float(np.percentile(np.abs(chi[mask]), 75))
    size, blurred = np.abs(chi), gaussian_filter(chi, BLUR)
    alike = mask & (size > EDGE * threshold) & (blurred * chi > 0)
    seeds = alike & (size > threshold) & (np.abs(blurred) > EDGE * threshold)
    return np.where(binary_propagation(seeds, mask=alike), chi, np.float32(0))


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


def stray_field(prior: Float, problem: Problem) -> float:
    """Return how much of the field stray voxels hold that a map leaves unexplained.

    That is its mean size, as a share of the field's, times how far its deviation is above that
    of normal errors of this size. Total variation goes by one level of noise: where few voxels
    are far worse than the others, and no weight says so, it fits what is wrong in them.

    Parameters
    ----------
    prior, problem
        As in `unexplained_field`.
    """
    field, mask = problem.field, problem.mask
    residual = (field - problem.dipole(prior))[mask]
    size = max(float(np.abs(residual).mean()), 1e-12)
    excess = float(residual.std()) / (NORMAL * size) - 1
    return max(excess, 0.0) * size / max(float(np.abs(field[mask]).mean()), 1e-9)


def fitting_trust(unexplained: float) -> float:
    """Return the weight of a prior that leaves so much, see `unexplained_field`."""
    return float(np.clip(TRUST * (unexplained / UNEXPLAINED) ** POWER, *LIMITS))
