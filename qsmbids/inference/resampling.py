"""The frame in which a U-Net sees a field: cubic voxels, B0 along the third axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from qsmbids.networks.inversion import Apply, plain
from qsmbids.networks.unet import UNet

Matrix = NDArray[np.float64]


class Frame:
    """Trilinear resampling from a native grid to the network's frame, and back.

    Both are differentiable. The centres of the two grids coincide.

    Parameters
    ----------
    shape : (3,) sequence of int
        The native grid.
    voxel_size, b0_dir : (3,) sequence of float
        Its geometry.
    rotate : bool
        Turn B0 to the third axis; otherwise the axes stay.
    """

    def __init__(
        self,
        shape: Sequence[int],
        voxel_size: Sequence[float],
        b0_dir: Sequence[float],
        rotate: bool = True,
    ):
        edges = np.asarray(voxel_size, dtype=float)
        turn = to_third_axis(b0_dir) if rotate else np.eye(3)
        self.edge = network_edge(edges)
        extent = np.abs(turn) @ (np.asarray(shape) * edges)
        self.native = tuple(int(n) for n in shape)
        self.shape = tuple(int(n) for n in np.ceil(extent / self.edge - 1e-6))
        self._back = turn * edges / self.edge  # native voxels to network voxels, from the centres
        self._there = np.linalg.inv(self._back)

    def there(self, x: Tensor) -> Tensor:
        """Bring ``x`` (batch, channel, x, y, z) to the network's frame, zero beyond its grid."""
        return _resampled(x, self.shape, self._there)

    def back(self, x: Tensor) -> Tensor:
        """Bring ``x`` back to the native grid."""
        return _resampled(x, self.native, self._back)

    def apply(self, inner: Apply = plain) -> Apply:
        """Return how to apply a U-Net in this frame, as a network's ``apply``."""

        def applied(unet: UNet, x: Tensor, domain: int) -> Tensor:
            return self.back(inner(unet, self.there(x), domain))

        return applied


def to_third_axis(b0_dir: Sequence[float]) -> Matrix:
    """Return the rotation (3, 3) that takes B0 to the third axis by the shortest way.

    B0 and its opposite are the same to the dipole, so the turn is 90 degrees at most; an axis
    of the grid turns exactly onto the third.
    """
    b = np.asarray(b0_dir, dtype=float)
    b = b / np.linalg.norm(b)
    b = -b if b[2] < 0 else b
    cross = np.array([b[1], -b[0], 0.0])  # b x z
    hat = np.array([[0, -cross[2], cross[1]], [cross[2], 0, -cross[0]], [-cross[1], cross[0], 0]])
    turn: Matrix = np.eye(3) + hat + hat @ hat / (1 + b[2])
    return turn


def network_edge(edges: Sequence[float] | Matrix) -> float:
    """Return the edge of the network's voxels in mm, so that nothing of the image is lost.

    The shortest of the native ones, which was better than a mean or a fixed length; the mean of
    nearly equal ones.
    """
    low, high = float(np.min(edges)), float(np.max(edges))
    if high / low < 1.15:
        return float(np.prod(edges) ** (1 / 3))
    return low


def tilt_degrees(b0_dir: Sequence[float]) -> float:
    """Return the angle between B0 and the third axis in degrees, 0 to 90."""
    b = np.abs(np.asarray(b0_dir, dtype=float))
    return float(np.degrees(np.arctan2(np.hypot(b[0], b[1]), b[2])))


def _resampled(x: Tensor, shape: Sequence[int], matrix: Matrix) -> Tensor:
    """Return ``x`` at ``matrix @ (new voxel - new centre) + old centre``."""
    old, new = np.array(x.shape[2:], dtype=float), np.array(shape, dtype=float)
    # grid_sample counts from -1 to 1 over an axis' edges, and names the last axis first
    scaled = (matrix * new / old[:, None])[::-1, ::-1].copy()
    theta = torch.zeros((1, 3, 4), dtype=x.dtype, device=x.device)
    theta[0, :, :3] = torch.from_numpy(scaled)
    grid = functional.affine_grid(theta, [1, 1, *shape], align_corners=False)
    return functional.grid_sample(
        x, grid.expand(x.shape[0], -1, -1, -1, -1), padding_mode="zeros", align_corners=False
    )
