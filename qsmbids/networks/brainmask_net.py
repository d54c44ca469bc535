"""The network that finds the brain: from an image of a head to the distance to its surface."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from qsmbids.networks.base import Network
from qsmbids.networks.unet import UNet

LIMIT = 10.0
"""Distances beyond so many mm are not told apart."""


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
