"""Inversion by a trained network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qsmbids.inversion.result import Reconstruction

if TYPE_CHECKING:
    from qsmbids.networks.base import InversionNet

Float = NDArray[np.float32]


def network(  # noqa: PLR0913 - a method's options are its parameters
    field: Float,
    mask: NDArray[np.bool_],
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
    weight: Float | None = None,
    weights: str = "dcnet",
    consistency: float = 0.1,
    memory_gb: float = 3.0,
    average: int = 1,
    uncertainty: bool = True,
    device: str = "auto",
) -> Reconstruction:
    r"""Apply a trained network to the whole volume.

    Parameters
    ----------
    field, mask, voxel_size, b0_dir, weight
        As in `qsmbids.inversion.invert`; a network itself takes no weight.
    weights : str
        Path of a weights file, or the name of one that the package ships.
    consistency : float
        The c of `data_consistency`, which brings the map of a network that does not
        do so itself into agreement with the field; 0 leaves it as it is.
    memory_gb : float
        Above that the network works in tiles.
    average : {1, 2, 4, 8}
        Mean of the maps of so many mirror images of the field.
    uncertainty : bool
        Estimate how far the map may be off too, see `qsmbids.inference.predict_uncertainty`.
    device : {"auto", "cpu", "cuda"}
        Where to compute; auto is a graphics processor where there is one.

    Returns
    -------
    Reconstruction
        Susceptibility in ppm, and which weights made it.

    Raises
    ------
    InputError
        If the weights cannot be used.
    UsageError
        If there is no such device.
    ValueError
        If the mask is too small for a network.
    """
    from qsmbids.inference.predict import predict
    from qsmbids.inference.predictor import Predictor
    from qsmbids.networks.device import torch_threads

    if consistency < 0:
        raise ValueError(f"the consistency must not be negative, not {consistency}")
    model, card, details = load(weights)
    with torch_threads():
        predictor = Predictor(
            model, field, mask, voxel_size=voxel_size, b0_dir=b0_dir, card=card, device=device
        )
        chi = predict(predictor, consistency=consistency, memory_gb=memory_gb, average=average)
    return with_uncertainty(
        Reconstruction(chi, details={**details, **computed_on(device)}),
        field, mask, voxel_size=voxel_size, b0_dir=b0_dir, wanted=uncertainty, device=device,
    )  # fmt: skip


def load(weights: str) -> tuple[InversionNet, dict[str, Any], dict[str, Any]]:
    """Return the network and card of weights, by path or name, and what a sidecar says of them."""
    from qsmbids.networks.weights import load_weights
    from qsmbids.networks.weights_file import describe

    model, card = load_weights(weights)
    return model, card, {"Weights": describe(weights)}


def computed_on(device: str) -> dict[str, str]:
    """Return what a sidecar says of where a network computed."""
    import torch

    from qsmbids.networks.device import pick_device

    picked = pick_device(device)
    return {"Device": torch.cuda.get_device_name(picked) if picked.type == "cuda" else "cpu"}


def with_uncertainty(
    found: Reconstruction,
    field: Float,
    mask: NDArray[np.bool_],
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
    wanted: bool,
    device: str,
) -> Reconstruction:
    """Return the reconstruction with the map's uncertainty if it is wanted."""
    if not wanted:
        return found
    from qsmbids.inference.predict_uncertainty import predict_uncertainty
    from qsmbids.networks.device import torch_threads
    from qsmbids.networks.weights_file import describe

    with torch_threads():
        sigma = predict_uncertainty(
            found.chi, field, mask, voxel_size=voxel_size, b0_dir=b0_dir, device=device
        )
    about = {"UncertaintyWeights": describe("uncertainty", "uncertainty")}
    return replace(found, uncertainty=sigma, details={**found.details, **about})
