"""Recipes and subjects small enough for tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy import ndimage

from qsmbids.networks.direct import DirectNet
from qsmbids.networks.unrolled import UnrolledNet
from qsmbids.networks.weights import save_weights
from qsmbids.physics import DipoleConvolution
from qsmbids.training.data.subject import save_subject
from qsmbids.training.methods import find_recipe

SMALL = {"base": 2, "levels": 3}
"""What makes a network small."""


def inversion_weights(folder):
    """Save a direct and a data-consistent network of random weights; return their paths."""
    torch.manual_seed(1)
    names = {"direct": DirectNet(**SMALL), "consistent": UnrolledNet(**SMALL)}
    return tuple(
        str(save_weights(model, folder / f"{name}.safetensors")) for name, model in names.items()
    )


def tiny(name="dcnet", **changes):
    recipe = find_recipe(name)
    small = {"config": {**recipe.config, "base": 2, "levels": 3}, "patches": {16: 1.0}}
    if name != "brainmask":
        small |= {"sources": {"shapes": 1.0}, "rim": 2}
    return replace(recipe, **{**small, **changes})


def add_subject(folder, name, *, seed=0, shape=(28, 26, 24), chi=True, b0_dir=(0.0, 0.1, 1.0)):
    """Add a ball of smooth susceptibility and its field; return the volumes."""
    rng = np.random.default_rng(seed)
    values = ndimage.gaussian_filter(rng.normal(0, 1, shape), 1.5).astype(np.float32)
    axes = np.ogrid[tuple(slice(-1, 1, n * 1j) for n in shape)]
    mask = sum(a**2 for a in axes) < 1
    values = np.where(mask, 0.2 * values, 0).astype(np.float32)
    field = DipoleConvolution(shape, (1, 1, 2), b0_dir, 32)(values)
    known = values if chi else None
    save_subject(folder, name, field, mask, voxel_size=(1, 1, 2), b0_dir=b0_dir, chi=known)
    return values, field, mask
