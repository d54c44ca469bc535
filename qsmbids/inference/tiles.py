"""Applying a U-Net in overlapping tiles where the whole volume does not fit into memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from qsmbids.networks.base import Apply
from qsmbids.networks.unet import UNet

INFERENCE_BYTES, TRAINING_BYTES = 150, 400
"""Peak memory a voxel of a U-Net of 16 base filters in bfloat16, measured at 96^3 and 128^3."""


def in_tiles(largest: float) -> Apply:
    """Return how to apply a U-Net in tiles, as a network's ``apply``.

    Each tile sees all that its part of the output depends on, so that the result is that of
    the whole volume. With one 3x3x3 convolution a level on each side, and tiles that begin at
    multiples of ``m = unet.multiple``, on which the poolings fall, an output voxel depends on
    input less than 3 m away: the decoder reaches m, the coarsest level m, the encoder m - 1.

    Parameters
    ----------
    largest : float
        How many voxels a tile may hold, its context included. Below the smallest possible
        tile, that one is used.
    """

    def applied(unet: UNet, x: Tensor, domain: int) -> Tensor:
        size, rim = tuple(x.shape[2:]), 3 * unet.multiple
        step = tile_size(size, unet.multiple, largest)
        out = torch.empty_like(x[:, :1])
        for start in itertools.product(*(range(0, n, s) for n, s in zip(size, step, strict=True))):
            near = [max(s - rim, 0) for s in start]
            last = [min(s + t, n) for s, t, n in zip(start, step, size, strict=True)]
            far = [min(e + rim, n) for e, n in zip(last, size, strict=True)]
            tile = unet(_cut(x, near, far), domain)
            inside = [[e - n for e, n in zip(end, near, strict=True)] for end in (start, last)]
            _cut(out, start, last)[:] = _cut(tile, *inside)
        return out

    return applied


def tile_size(size: Sequence[int], multiple: int, largest: float) -> tuple[int, ...]:
    """Return what each tile contributes, so that all together compute the fewest voxels.

    Parameters
    ----------
    size : (3,) sequence of int
        The volume.
    multiple : int
        The U-Net's; the tile's edges are multiples of it.
    largest : float
        Voxels that a tile may hold, its context included.
    """
    rim = 3 * multiple
    axes = [range(multiple, n + multiple, multiple) for n in size]
    choices = list(itertools.product(*axes))

    def held(step: Iterable[int]) -> int:
        return math.prod(min(s + 2 * rim, n) for s, n in zip(step, size, strict=True))

    def computed(step: Iterable[int]) -> float:
        pairs = list(zip(step, size, strict=True))
        return math.prod(n + 2 * rim * (math.ceil(n / s) - 1) for s, n in pairs)

    allowed = [step for step in choices if held(step) <= largest]
    return min(allowed, key=computed) if allowed else choices[0]


def _cut(x: Tensor, start: Sequence[int], stop: Sequence[int]) -> Tensor:
    """Return the view of ``x`` (batch, channel, x, y, z) from ``start`` to ``stop``."""
    (a, b, c), (d, e, f) = start, stop
    return x[:, :, a:d, b:e, c:f]


def bytes_needed(voxels: float, unet: UNet, training: bool = False) -> float:
    """Return about how many bytes a U-Net takes for so many voxels."""
    per_voxel = TRAINING_BYTES if training else INFERENCE_BYTES
    precision = 1 if unet.use_bfloat16 else 2
    return voxels * per_voxel * precision * unet.last.in_channels / 16
