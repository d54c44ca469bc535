"""A map's uncertainty, voxel by voxel."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import maximum_filter, minimum_filter

from qsmbids.array_types import Bool, Float
from qsmbids.inference.predictor import Predictor
from qsmbids.networks.uncertainty_net import UncertaintyNet
from qsmbids.networks.weights import load_weights
from qsmbids.physics import Problem

# Learnt sigma, and half of the range of a voxel's neighbours, each by a factor. From maps of dcnet
# and dcnet-tv of eleven simulated fields: without the second, 6 to 23 % of the voxels of lesions
# were within sigma after the joint dipole fit, and 20 to 43 % of those of veins.
LEARNT, RANGE = 0.7, 0.3


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
    mask. What was learnt is too low where the map changes steeply, in veins and lesions, whose
    voxels hold a part of either side: a share of the neighbours' range is added, as variances.

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
        learnt = model(*given, apply=predictor.apply(memory_gb))[0, 0].cpu().numpy()
    result: Float = np.hypot(LEARNT * learnt, RANGE * neighbours_range(chi, problem.mask))
    return result


def neighbours_range(chi: Float, mask: Bool) -> Float:
    """Return half the range of a map over each voxel of a mask and its 26 neighbours there."""
    most, least = np.float32(np.inf), np.float32(-np.inf)
    high = maximum_filter(np.where(mask, chi, least), 3, mode="constant", cval=least)
    low = minimum_filter(np.where(mask, chi, most), 3, mode="constant", cval=most)
    result: Float = np.subtract(high, low, out=np.zeros_like(chi), where=mask)
    result /= 2
    return result
