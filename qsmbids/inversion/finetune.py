"""Inversion by a trained network that is first fine-tuned on the field itself."""

from __future__ import annotations

import logging

import numpy as np

from qsmbids.inference.fit_options import FitOptions
from qsmbids.inversion.network_results import computed_on, fitted, load, with_uncertainty
from qsmbids.inversion.reconstruction import Reconstruction
from qsmbids.physics import Problem

LOG = logging.getLogger(__name__)
FIT = FitOptions(iterations=20, learning_rate=2e-4, patience=5)


def finetune(
    problem: Problem,
    *,
    weights: str = "dcnet",
    domain: str = "source",
    uncertainty: bool = True,
    fit: FitOptions = FIT,
) -> Reconstruction:
    """Fit a trained network to this field by the nonlinear data term and total variation.

    Parameters
    ----------
    problem : Problem
        The largest value of its weight counts as 1.
    weights : str
        Path of a weights file to start from, or the name of one that the package ships.
    domain : {"source", "target"}
        Whose batch statistics a network with two domains uses: those of the samples with labels,
        or of those without.
    uncertainty : bool
        Estimate how far the map may be off too, see `qsmbids.inference.uncertainty`.
    fit : FitOptions
        How to fit.

    Returns
    -------
    Reconstruction
        Susceptibility in ppm, the course of the fit, and which weights it started from.

    Raises
    ------
    InputError
        If the weights cannot be used.
    ValueError
        If an option is out of range or the mask is too small.

    References
    ----------
    Liu and Koch, arXiv:1904.05493 (QSMInvNet).
    """
    import torch

    from qsmbids.inference.fine_tuning import fine_tune
    from qsmbids.inference.predict import Setup, check_size
    from qsmbids.networks.device import torch_threads

    field, mask, weight = problem.field, problem.mask, problem.weight
    check_size(mask)
    confidence = mask.astype(np.float32) if weight is None else weight / weight.max()
    model, card, details = load(weights)
    with torch_threads():
        setup = Setup(
            model, field, mask, **problem.geometry, card=card, device=problem.device, domain=domain
        )
        tuned = fine_tune(setup, problem.voxel_size, torch.from_numpy(confidence)[None, None], fit)
    LOG.info(
        "fine-tuning kept iteration %d of %d; held-out error %.4g at first, %.4g at the end",
        *(tuned.best, len(tuned.loss) - 1, tuned.held_out[0], tuned.held_out[tuned.best]),
    )
    found = fitted(tuned, {**details, **computed_on(problem.device)})
    return with_uncertainty(found, problem) if uncertainty else found
