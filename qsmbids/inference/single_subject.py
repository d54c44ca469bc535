"""A network without training, fitted to the one subject's field alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from qsmbids.checks import check_field, check_geometry
from qsmbids.inference.fine_tuning import FitResult, fine_tune
from qsmbids.inference.fit_options import FitOptions
from qsmbids.inference.patch_training import PatchOptions, train_on_patches
from qsmbids.inference.predictor import Predictor
from qsmbids.networks.base import InversionNet
from qsmbids.physics import Problem

NATIVE = {"grid": "native"}
"""Card of such a network: whatever the geometry is, it is trained on it."""


def fit_from_scratch(
    make: Callable[[], InversionNet],
    problem: Problem,
    options: FitOptions,
    patches: PatchOptions | None = None,
) -> FitResult:
    """Fit a network with fresh weights to one field, after training on its patches if so asked.

    Parameters
    ----------
    make : callable
        Returns the network; its random weights come from the seed of ``options``.
    problem : Problem
        The largest value of its weight counts as 1.
    options : FitOptions
        How to fit the whole volume.
    patches : PatchOptions, optional
        How to train on patches before; the voxels that the fit holds out are kept from it too.

    Raises
    ------
    ValueError
        If the field or an option cannot be used, the mask is too small, or the fit diverges.
    """
    check_field(problem.field, problem.mask, problem.weight)
    check_geometry(**problem.geometry)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        model = make()
    predictor = Predictor(model, problem, NATIVE)
    if patches is not None:
        train_on_patches(predictor, patches, options.held_out)
    result = fine_tune(predictor, options)
    if not np.isfinite(result.held_out[result.best]):
        raise ValueError("the fit diverged; use a smaller learning rate")
    return replace(result, before=None)  # of fresh weights
