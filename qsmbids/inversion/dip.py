"""Deep image prior: an untrained network that is fitted to the one subject's field."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qsmbids.inversion.network import computed_on
from qsmbids.inversion.result import Reconstruction, fitted

Float = NDArray[np.float32]


def deep_image_prior(  # noqa: PLR0913 - a method's options are its parameters
    field: Float,
    mask: NDArray[np.bool_],
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
    weight: Float | None = None,
    filters: int = 16,
    source: str = "field",
    iterations: int = 150,
    total_variation: float = 0.06,
    learning_rate: float = 1e-2,
    held_out: float = 0.05,
    patience: int = 20,
    gain: float = 0.04,
    seed: int = 0,
    consistency: float = 0.1,
    device: str = "auto",
) -> Reconstruction:
    """Fit an untrained network to this field by the nonlinear data term and total variation.

    The network's structure is the prior: it fits an image long before it fits noise. When to
    stop is decided by voxels that the fit does not see.

    Parameters
    ----------
    field, mask, voxel_size, b0_dir, weight
        As in `qsmbids.inversion.invert`; the weight's largest value counts as 1.
    filters : int
        Of the network's first level, doubled at each of five.
    source : {"field", "noise"}
        What the network sees: the field and the mask, or random numbers, with which it needs
        several times as many iterations.
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
        network stays as it was before, and the methods text says so.
    seed : int
        Of weights, random input and held-out voxels.
    consistency : float
        The c of `data_consistency`, which brings the map into agreement with the
        field at the end; 0 leaves it as the fit gives it.
    device : {"auto", "cpu", "cuda"}
        Where to compute; auto is a graphics processor where there is one.

    Returns
    -------
    Reconstruction
        Susceptibility in ppm, and the course of the fit.

    Raises
    ------
    ValueError
        If an option is out of range or the mask is too small.

    References
    ----------
    Ulyanov et al., Int J Comput Vis 128:1867 (2020), "Deep image prior".
    """
    from qsmbids.inference.fine_tuning import FitOptions
    from qsmbids.inference.single_subject import fit_from_scratch
    from qsmbids.networks.base import InversionNet
    from qsmbids.networks.device import torch_threads
    from qsmbids.networks.direct import DeepImagePrior, DirectNet

    if filters < 1:
        raise ValueError(f"the network needs at least one filter, not {filters}")
    if source not in ("field", "noise"):
        raise ValueError(f"the source must be 'field' or 'noise', not {source!r}")

    def network() -> InversionNet:
        if source == "noise":
            return DeepImagePrior(mask.shape, base=filters, norm="batch")
        return DirectNet(base=filters, norm="batch")

    options = FitOptions(
        iterations, total_variation, learning_rate, held_out, patience, seed, consistency, gain
    )
    with torch_threads():
        result = fit_from_scratch(
            network,
            field,
            mask,
            weight,
            voxel_size=voxel_size,
            b0_dir=b0_dir,
            options=options,
            device=device,
        )
        return fitted(result, computed_on(device))
