"""Inversion by a trained network that is first fine-tuned on the field itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qsmbids.inversion.network import computed_on, load, with_uncertainty
from qsmbids.inversion.result import Reconstruction, fitted

Float = NDArray[np.float32]


def finetune(  # noqa: PLR0913 - a method's options are its parameters
    field: Float,
    mask: NDArray[np.bool_],
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
    weight: Float | None = None,
    weights: str = "dcnet",
    domain: str = "source",
    iterations: int = 20,
    total_variation: float = 0.06,
    learning_rate: float = 2e-4,
    held_out: float = 0.05,
    patience: int = 5,
    gain: float = 0.04,
    seed: int = 0,
    consistency: float = 0.1,
    uncertainty: bool = True,
    device: str = "auto",
) -> Reconstruction:
    """Fit a trained network to this field by the nonlinear data term and total variation.

    Parameters
    ----------
    field, mask, voxel_size, b0_dir, weight
        As in `qsmbids.inversion.invert`; the weight's largest value counts as 1.
    weights : str
        Path of a weights file to start from, or the name of one that the package ships.
    domain : {"source", "target"}
        Whose batch statistics a network with two domains uses: those of the samples with labels,
        or of those without.
    iterations : int
        At most; fewer where the held-out error stops falling.
    total_variation : float
        Weight of total variation beside the data term.
    learning_rate : float
        Of Adam.
    held_out : float
        Share of the voxels, above 0 and at most 0.5, whose field decides when to stop.
    patience : int
        Iterations without improvement after which it stops.
    gain : float
        Share, at least 0 and below 1, by which the held-out error must fall; otherwise the
        weights stay as they came, and the methods text says so.
    seed : int
        Which voxels are held out.
    consistency : float
        The c of `data_consistency`, which brings the map of a network that does not
        do so itself into agreement with the field at the end; 0 leaves it as it is.
    uncertainty : bool
        Estimate how far the map may be off too, see `qsmbids.inference.predict_uncertainty`.
    device : {"auto", "cpu", "cuda"}
        Where to compute; auto is a graphics processor where there is one.

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
    from qsmbids.inference.fine_tuning import FitOptions, fine_tune
    from qsmbids.inference.predictor import Predictor
    from qsmbids.networks.device import torch_threads

    options = FitOptions(
        iterations, total_variation, learning_rate, held_out, patience, seed, consistency, gain
    )
    model, card, details = load(weights)
    with torch_threads():
        predictor = Predictor(
            *(model, field, mask),
            voxel_size=voxel_size,
            b0_dir=b0_dir,
            card=card,
            device=device,
            domain=domain,
        )
        result = fine_tune(predictor, weight, options)
    return with_uncertainty(
        fitted(result, {**details, **computed_on(device)}),
        field, mask, voxel_size=voxel_size, b0_dir=b0_dir, wanted=uncertainty, device=device,
    )  # fmt: skip
