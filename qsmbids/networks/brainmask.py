"""The network that finds the brain: from an image of a head to the distance to its surface."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qsmbids.networks.device import has_bfloat16
from qsmbids.networks.losses import masked_mean
from qsmbids.networks.unet import Network, UNet, prepare
from qsmbids.networks.weights_file import locate

Floats = NDArray[np.float32]

LIMIT = 10.0
"""Distances beyond so many mm are not told apart."""
MULTIPLE, SMALLEST = 16, 96
"""Images are padded with zeros to multiples of so many voxels, for the coarsest level, and to so
many at least, as in training: a slab that fills its volume is not seen as one."""


class BrainMaskNet(Network):
    """A U-Net from an image to the signed distance to the brain's surface.

    It works on blocks of 2x2x2 voxels, whose eight values are its channels on both sides: a third
    of the time of one that works on voxels, and a distance is smooth.

    Parameters
    ----------
    **config
        As `qsmbids.networks.unet.UNet`, without ``inputs`` and ``outputs``.

    References
    ----------
    Hoopes A, et al. SynthStrip: skull-stripping for any brain image. NeuroImage 2022;260:119474.
    """

    name = "brainmask"

    def __init__(self, **config: Any):
        super().__init__(**config)
        self.unet = UNet(inputs=8, outputs=8, **config)

    def forward(self, image: Tensor) -> Tensor:
        """Return the distance in mm, negative inside.

        Parameters
        ----------
        image : (batch, 1, x, y, z) float32 tensor
            Magnitude relative to its 99th percentile, axes to right, anterior, superior, zero
            outside the field of view. The axes have even lengths.
        """
        return LIMIT * from_blocks(self.unet(to_blocks(image)))


def to_blocks(image: Tensor) -> Tensor:
    """Return (batch, 8, x / 2, y / 2, z / 2) for (batch, 1, x, y, z): each block's eight values."""
    batch, _, x, y, z = image.shape
    parts = image.reshape(batch, x // 2, 2, y // 2, 2, z // 2, 2)
    return parts.permute(0, 2, 4, 6, 1, 3, 5).reshape(batch, 8, x // 2, y // 2, z // 2)


def from_blocks(blocks: Tensor) -> Tensor:
    """Return (batch, 1, x, y, z) for (batch, 8, x / 2, y / 2, z / 2), undoing `to_blocks`."""
    batch, _, x, y, z = blocks.shape
    parts = blocks.reshape(batch, 2, 2, 2, x, y, z).permute(0, 4, 1, 5, 2, 6, 3)
    return parts.reshape(batch, 1, 2 * x, 2 * y, 2 * z)


def distance_loss(found: Tensor, wanted: Tensor, view: Tensor, edge: float = 2.0) -> Tensor:
    """Return the error of the distance, and one minus the soft Dice of the brain.

    Parameters
    ----------
    found, wanted : (batch, 1, x, y, z) tensor
        Distance in mm; the second within `LIMIT`.
    view : (batch, 1, x, y, z) tensor
        1 in the field of view, else 0.
    edge : float
        Over how many mm the brain's border is soft.
    """
    error = torch.nn.functional.smooth_l1_loss(
        found.clamp(-1.5 * LIMIT, 1.5 * LIMIT) / LIMIT, wanted / LIMIT, reduction="none", beta=0.2
    )
    near = 1 + 3 * torch.exp(-((wanted / 4) ** 2))
    inside, brain = torch.sigmoid(-found / edge), torch.sigmoid(-wanted / edge)
    return (masked_mean(error * near, view) + 1 - dice(inside, brain, view)).mean()


def dice(first: Tensor, second: Tensor, view: Tensor) -> Tensor:
    """Return the (batch,) Dice coefficient of two masks in the field of view."""
    both = (first * second * view).flatten(1).sum(1)
    sizes = ((first**2 + second**2) * view).flatten(1).sum(1)
    return (2 * both + 1e-3) / (sizes + 1e-3)


def distances_to_brain(image: NDArray[np.float32], weights: str = "brainmask") -> Floats:
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
    from qsmbids.networks.weights import load_weights

    model, _ = load_weights(locate(weights), BrainMaskNet)
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


def normalised(image: NDArray[np.float32]) -> Floats:
    """Return the image relative to the 99th percentile of its positive values, at most 2."""
    values = image[image > 0]
    bright = float(np.quantile(values, 0.99)) if values.size else 1.0
    return np.asarray(np.clip(image / np.float32(max(bright, 1e-12)), 0, 2), np.float32)
