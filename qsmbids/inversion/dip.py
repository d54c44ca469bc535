"""Deep image prior: an untrained network that is fitted to the one subject's field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qsmbids.inference.fit_options import FitOptions
from qsmbids.inversion.network_results import computed_on, fitted
from qsmbids.inversion.reconstruction import Reconstruction
from qsmbids.physics import Problem

if TYPE_CHECKING:
    from qsmbids.networks.base import InversionNet

FIT = FitOptions(iterations=150, learning_rate=1e-2, patience=20)


def deep_image_prior(
    problem: Problem, *, filters: int = 16, source: str = "field", fit: FitOptions = FIT
) -> Reconstruction:
    """Fit an untrained network to this field by the nonlinear data term and total variation.

    The network's structure is the prior: it fits an image long before it fits noise. When to
    stop is decided by voxels that the fit does not see.

    Parameters
    ----------
    problem : Problem
        The largest value of its weight counts as 1.
    filters : int
        Of the network's first level, doubled at each of five.
    source : {"field", "noise"}
        What the network sees: the field and the mask, or random numbers, with which it needs
        several times as many iterations.
    fit : FitOptions
        How to fit.

    References
    ----------
    Ulyanov et al., Int J Comput Vis 128:1867 (2020), "Deep image prior".
    """
    from qsmbids.inference.single_subject import fit_from_scratch
    from qsmbids.networks.device import torch_threads
    from qsmbids.networks.direct import DeepImagePrior, DirectNet

    if filters < 1:
        raise ValueError(f"the network needs at least one filter, not {filters}")
    if source not in ("field", "noise"):
        raise ValueError(f"the source must be 'field' or 'noise', not {source!r}")

    def network() -> InversionNet:
        if source == "noise":
            return DeepImagePrior(problem.mask.shape, base=filters, norm="batch")
        return DirectNet(base=filters, norm="batch")

    with torch_threads():
        return fitted(fit_from_scratch(network, problem, fit), computed_on(problem.device))
