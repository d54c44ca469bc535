"""A map's uncertainty, voxel by voxel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from qsmbids.inference.predict import Setup, check_size
from qsmbids.networks.uncertainty_net import SpreadNet
from qsmbids.networks.weights import load_weights

Float = NDArray[np.float32]


def estimate(
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
    field : (x, y, z) float32 array
        The local field in ppm that it was made from.
    mask : (x, y, z) bool array
        Where both are valid.
    voxel_size, b0_dir : (3,) sequence of float
        Edge lengths in mm; B0 along the voxel axes.
    weights : str
        Path of a weights file of the architecture ``spread``, or the name of a shipped one.
    device : {"auto", "cpu", "cuda", "cuda:N"}
        Where to compute.
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
    UsageError
        If there is no such device.
    ValueError
        If the shapes differ, or the mask's bounding box is shorter than 4 voxels along an axis.

    References
    ----------
    Koenker and Bassett, Econometrica 46:33 (1978), quantile regression.
    """
    if not chi.shape == field.shape == mask.shape:
        raise ValueError(
            f"map {chi.shape}, field {field.shape} and mask {mask.shape} must have one shape"
        )
    check_size(mask)
    model, card = load_weights(weights, SpreadNet)
    setup = Setup(model, field, mask, voxel_size, b0_dir, card, device)
    map_ = setup.bring(np.asarray(chi, np.float32))
    with torch.inference_mode():
        sigma = model(map_, setup.field, setup.mask, setup.dipole, apply=setup.apply(memory_gb))
    result: Float = sigma[0, 0].cpu().numpy()
    return result
