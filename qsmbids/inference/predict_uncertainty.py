"""A map's uncertainty, voxel by voxel."""

from __future__ import annotations

import torch

from qsmbids.array_types import Float
from qsmbids.inference.predictor import Predictor
from qsmbids.networks.uncertainty_net import UncertaintyNet
from qsmbids.networks.weights import load_weights
from qsmbids.physics import Problem


def predict_uncertainty(
    chi: Float,
    problem: Problem,
    *,
    weights: str = "uncertainty",
    memory_gb: float = 3.0,
) -> Float:
    r"""Return the one-sigma error of a susceptibility map of a network or its refinement.

    The truth lies between :math:`\chi - \sigma` and :math:`\chi + \sigma` in 68 % of the voxels,
    whatever the shape of the errors' distribution: sigma is their quantile, learnt on simulated
    data from the errors of all networks. Map and truth are both relative to their mean over the
    mask.

    Parameters
    ----------
    chi : (x, y, z) float32 array
        The map in ppm.
    problem : Problem
        What it was made from.
    weights : str
        Path of a weights file of an uncertainty, or the name of a shipped one.
    memory_gb : float
        Above that the network works in tiles.

    Returns
    -------
    (x, y, z) float32 array
        Sigma in ppm: positive in the mask, zero outside of it.

    Raises
    ------
    InputError
        If the weights cannot be used.
    UsageError, ValueError
        As `qsmbids.inference.predictor.Predictor`, and if the shapes differ.

    References
    ----------
    Koenker and Bassett, Econometrica 46:33 (1978), quantile regression.
    """
    shapes = chi.shape, problem.field.shape, problem.mask.shape
    if len(set(shapes)) > 1:
        raise ValueError("map {}, field {} and mask {} must have one shape".format(*shapes))
    model, card = load_weights(weights, UncertaintyNet)
    predictor = Predictor(model, problem, card)
    given = predictor.to_tensor(chi), predictor.field, predictor.mask, predictor.dipole
    with torch.inference_mode():
        sigma = model(*given, apply=predictor.apply(memory_gb))
    result: Float = sigma[0, 0].cpu().numpy()
    return result
