"""Applying a U-Net in overlapping tiles where the whole volume does not fit into memory."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from qsmbids.nets.inversion import Apply
from qsmbids.nets.unet import UNet

HALO = 32
"""Voxels of context around a tile; what lies further off moves the output by less than 1e-3."""


def in_tiles(core: int, halo: int = HALO) -> Apply:
    """Return how to apply a U-Net in tiles, as a network's ``apply``.

    Parameters
    ----------
    core : int
        Edge of what each tile contributes, in voxels.
    halo : int
        Context on each side of it. Both are rounded up to the U-Net's multiple, so that its
        poolings fall on the same voxels as in the whole volume.
    """

    def applied(unet: UNet, x: Tensor, domain: int) -> Tensor:
        step, rim = (-(-n // unet.multiple) * unet.multiple for n in (core, halo))
        size = x.shape[2:]
        out = torch.empty_like(x[:, :1])
        for start in itertools.product(*(range(0, n, step) for n in size)):
            near = [max(s - rim, 0) for s in start]
            far = [min(s + step + rim, n) for s, n in zip(start, size, strict=True)]
            last = [min(s + step, n) for s, n in zip(start, size, strict=True)]
            tile = unet(_cut(x, near, far), domain)
            inside = [[e - n for e, n in zip(end, near, strict=True)] for end in (start, last)]
            _cut(out, start, last)[:] = _cut(tile, *inside)
        return out

    return applied


def _cut(x: Tensor, start: Sequence[int], stop: Sequence[int]) -> Tensor:
    """Return the view of ``x`` (batch, channel, x, y, z) from ``start`` to ``stop``."""
    (a, b, c), (d, e, f) = start, stop
    return x[:, :, a:d, b:e, c:f]


def bytes_needed(shape: Sequence[int], base: int, use_bfloat16: bool) -> float:
    """Return about how many bytes a U-Net of ``base`` filters takes for one volume."""
    voxels = 1.0
    for n in shape:
        voxels *= n
    # at full resolution: the skip, the upsampled level below, both joined, and the output
    return voxels * base * 7 * (2 if use_bfloat16 else 4) + voxels * base * 4
