"""A network without training, fitted to the one subject's field alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from qsmbids.checks import check_field, check_geometry
from qsmbids.inference.fine_tuning import FitOptions, FitResult, fine_tune
from qsmbids.inference.patch_training import PatchOptions, train_on_patches
from qsmbids.inference.predictor import Predictor
from qsmbids.networks.base import InversionNet

Float = NDArray[np.float32]
NATIVE = {"grid": "native"}
"""Card of such a network: whatever the geometry is, it is trained on it."""


def fit_from_scratch(
    make: Callable[[], InversionNet],
    field: Float,
    mask: NDArray[np.bool_],
    weight: Float | None,
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
    options: FitOptions,
    patches: PatchOptions | None = None,
    device: str = "cpu",
) -> FitResult:
    """Fit a network with fresh weights to one field, after training on its patches if so asked.

    Parameters
    ----------
    make : callable
        Returns the network; its random weights come from the seed of ``options``.
    field, mask, voxel_size, b0_dir, device
        As in `qsmbids.inference.predictor.Predictor`.
    weight : (x, y, z) float32 array, optional
        Confidence in the field; the largest value counts as 1.
    options : FitOptions
        How to fit the whole volume.
    patches : PatchOptions, optional
        How to train on patches before; the voxels that the fit holds out are kept from it too.

    Raises
    ------
    ValueError
        If the field or an option cannot be used, the mask is too small, or the fit diverges.
    """
    check_field(field, mask, weight)
    check_geometry(voxel_size, b0_dir)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        model = make()
    predictor = Predictor(
        model, field, mask, voxel_size=voxel_size, b0_dir=b0_dir, card=NATIVE, device=device
    )
    if patches is not None:
        train_on_patches(predictor, weight, patches, options.held_out)
    result = fine_tune(predictor, weight, options)
    if not np.isfinite(result.held_out[result.best]):
        raise ValueError("the fit diverged; use a smaller learning rate")
    return result
