"""Where the brain ends, by a network: the signed distance to its surface."""

from __future__ import annotations

import numpy as np
import torch

from qsmbids.array_types import Float
from qsmbids.networks.base import prepare
from qsmbids.networks.brainmask_net import BrainMaskNet
from qsmbids.networks.device import has_bfloat16
from qsmbids.networks.weights import load_weights

MULTIPLE, SMALLEST = 16, 96
"""Images are padded with zeros to multiples of so many voxels, for the coarsest level, and to so
many at least, as in training: a slab that fills its volume is not seen as one."""


def predict_brain_distance(image: Float, weights: str = "brainmask") -> Float:
    """Return the signed distance to the brain's surface in mm, as seen in an image and its mirror.

    Parameters
    ----------
    image : (x, y, z) float32 array
        Magnitude in any units on cubic voxels of about 2 mm, axes to right, anterior, superior.
    weights : str
        Path of a weights file, or the name of one that the package ships.

    Returns
    -------
    (2, x, y, z) float32 array
        Both on the image's grid; they would be equal if the network were symmetric.
    """
    model, _ = load_weights(weights, BrainMaskNet)
    model.eval()
    prepare(model, has_bfloat16())
    sizes = [max(SMALLEST, n + -n % MULTIPLE) for n in image.shape]
    pad = [((s - n) // 2, (s - n + 1) // 2) for s, n in zip(sizes, image.shape, strict=True)]
    padded = np.pad(normalised(np.ascontiguousarray(image)), pad)
    batch = torch.from_numpy(padded)[None, None]
    with torch.inference_mode():  # one after the other, which takes half of the memory
        both = torch.cat([model(batch), model(batch.flip(2)).flip(2)])[:, 0].numpy()
    window = tuple(slice(b, b + n) for (b, _), n in zip(pad, image.shape, strict=True))
    return np.ascontiguousarray(both[(slice(None), *window)])


def normalised(image: Float) -> Float:
    """Return the image relative to the 99th percentile of its positive values, at most 2."""
    values = image[image > 0]
    bright = float(np.quantile(values, 0.99)) if values.size else 1.0
    return np.asarray(np.clip(image / np.float32(max(bright, 1e-12)), 0, 2), np.float32)
