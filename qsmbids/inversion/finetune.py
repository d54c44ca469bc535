"""Inversion by a trained network that is first fine-tuned on the field itself."""

from __future__ import annotations

from qsmbids.inference.fit_options import FitOptions
from qsmbids.inversion.network_results import computed_on, fitted, load, with_uncertainty
from qsmbids.inversion.reconstruction import Reconstruction
from qsmbids.physics import Problem

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
        Estimate how far the map may be off too, see `qsmbids.inference.predict_uncertainty`.
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
    from qsmbids.inference.fine_tuning import fine_tune
    from qsmbids.inference.predictor import Predictor
    from qsmbids.networks.device import torch_threads

    model, card, details = load(weights)
    with torch_threads():
        result = fine_tune(Predictor(model, problem, card, domain), fit)
    found = fitted(result, {**details, **computed_on(problem.device)})
    return with_uncertainty(found, problem) if uncertainty else found
