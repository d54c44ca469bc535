"""What the networks' methods share: weights, device, the course of a fit, uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qsmbids.array_types import Float
from qsmbids.inversion.reconstruction import Reconstruction
from qsmbids.physics.problem import Problem

if TYPE_CHECKING:
    from qsmbids.inference.fine_tuning import FitResult
    from qsmbids.networks.base import InversionNet


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


def with_uncertainty(found: Reconstruction, problem: Problem) -> Reconstruction:
    """Return the reconstruction with the map's uncertainty."""
    from qsmbids.inference.predict_uncertainty import predict_uncertainty
    from qsmbids.networks.device import torch_threads
    from qsmbids.networks.weights_file import describe

    with torch_threads():
        sigma = predict_uncertainty(found.chi, problem)
    about = {"UncertaintyWeights": describe("uncertainty", "uncertainty")}
    return replace(found, uncertainty=sigma, details={**found.details, **about})


def fitted(result: FitResult, details: Mapping[str, Any]) -> Reconstruction:
    """Return what a fit of a network to one field has given, and which iteration was kept."""
    chi: Float = result.chi[0, 0].cpu().numpy()
    before = None if result.before is None else result.before[0, 0].cpu().numpy()
    course = {
        "Iterations": len(result.loss) - 1,
        "KeptIteration": result.best,
        "HeldOutErrorAtFirst": result.held_out[0],
        "HeldOutErrorKept": result.held_out[result.best],
    }
    return Reconstruction(
        chi,
        before=before,
        curves={"loss": result.loss, "held-out error": result.held_out},
        details={**details, "Fit": course},
    )
