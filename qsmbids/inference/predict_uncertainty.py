"""A map's uncertainty, voxel by voxel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from qsmbids.inference.predictor import Predictor
from qsmbids.networks.uncertainty_net import UncertaintyNet
from qsmbids.networks.weights import load_weights

Float = NDArray[np.float32]


def predict_uncertainty(
    chi: Float,
    field: Float,
    mask: NDArray[np.bool_],
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float] = (0, 0, 1),
    weights: str = "uncertainty",
    device: str = "cpu",
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
    field, mask, voxel_size, b0_dir, device
        What it was made from, as in `qsmbids.inference.predictor.Predictor`.
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
        As `Predictor`, and if the shapes differ.

    References
    ----------
    Koenker and Bassett, Econometrica 46:33 (1978), quantile regression.
    """
    if not chi.shape == field.shape == mask.shape:
        raise ValueError(
            f"map {chi.shape}, field {field.shape} and mask {mask.shape} must have one shape"
        )
    model, card = load_weights(weights, UncertaintyNet)
    predictor = Predictor(
        model, field, mask, voxel_size=voxel_size, b0_dir=b0_dir, card=card, device=device
    )
    given = predictor.to_tensor(chi), predictor.field, predictor.mask, predictor.dipole
    with torch.inference_mode():
        sigma = model(*given, apply=predictor.apply(memory_gb))
    result: Float = sigma[0, 0].cpu().numpy()
    return result
