"""Resampling to the grid on which a U-Net works: cubic voxels, B0 along the third axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from qsmbids.networks.base import Apply, apply_whole
from qsmbids.networks.unet import UNet

Matrix = NDArray[np.float64]
TOLERANCE = (5.0, 1.15)
"""Tilt in degrees and ratio of edges that every network takes as axial and cubic."""
FAMILIAR = 0.8
"""Share of the largest tilt of a training up to which its network is better as it is."""


class Resampling:
    """Trilinear resampling from a native grid to the network's, and back.

    Both are differentiable. The centres of the two grids coincide.

    Parameters
    ----------
    shape : (3,) sequence of int
        The native grid.
    voxel_size, b0_dir : (3,) sequence of float
        Its geometry.
    rotate : bool
        Rotate B0 to the third axis; otherwise the axes stay.

    Attributes
    ----------
    shape : (3,) tuple of int
        The network's grid.
    edge : float
        Edge of its voxels in mm.
    """

    def __init__(
        self,
        shape: Sequence[int],
        voxel_size: Sequence[float],
        b0_dir: Sequence[float],
        rotate: bool = True,
    ):
        edges = np.asarray(voxel_size, dtype=float)
        rotation = to_third_axis(b0_dir) if rotate else np.eye(3)
        self.edge = network_edge(edges)
        extent = np.abs(rotation) @ (np.asarray(shape) * edges)
        self.native = tuple(int(n) for n in shape)
        self.shape = tuple(int(n) for n in np.ceil(extent / self.edge - 1e-6))
        # from native voxels to the network's, both from the centre of their grid
        self._matrix = rotation * edges / self.edge

    def to_network(self, x: Tensor) -> Tensor:
        """Resample ``x`` (batch, channel, x, y, z) to the network's grid, zeros beyond ``x``."""
        return _resample(x, self.shape, np.linalg.inv(self._matrix))

    def to_native(self, x: Tensor) -> Tensor:
        """Resample ``x`` from the network's grid to the native one."""
        return _resample(x, self.native, self._matrix)

    def apply(self, inner: Apply = apply_whole) -> Apply:
        """Return how to apply a U-Net on its own grid, as a network's ``apply``."""

        def applied(unet: UNet, x: Tensor, domain: int) -> Tensor:
            return self.to_native(inner(unet, self.to_network(x), domain))

        return applied


def choose_resampling(
    shape: Sequence[int],
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
    card: Mapping[str, Any] | None = None,
) -> Resampling | None:
    """Return the resampling that a network needs for a geometry; None if it needs none.

    With thick slices networks that were trained on them do better on cubic voxels, too; with a
    tilt they do so only near the largest of their training. A card whose ``grid`` is ``native``
    forbids it: the network was trained on this very grid.
    """
    tilt, stretch = TOLERANCE
    recipe = (card or {}).get("recipe") or {}
    trained = recipe.get("corruption") or recipe.get("degradation") or {}
    largest = trained.get("tilt", 0.0) if trained.get("axial", 1.0) < 1 else 0.0
    oblique = tilt_degrees(b0_dir) > max(tilt, FAMILIAR * largest)
    regular = not oblique and max(voxel_size) / min(voxel_size) <= stretch
    if regular or (card or {}).get("grid") == "native":
        return None
    return Resampling(shape, voxel_size, b0_dir, rotate=oblique)


def to_third_axis(b0_dir: Sequence[float]) -> Matrix:
    """Return the rotation (3, 3) that takes B0 to the third axis by the shortest way.

    B0 and its opposite are the same to the dipole, so the angle is 90 degrees at most; an axis
    of the grid comes to lie exactly on the third.
    """
    b = np.asarray(b0_dir, dtype=float)
    b = b / np.linalg.norm(b)
    b = -b if b[2] < 0 else b
    cross = np.array([b[1], -b[0], 0.0])  # b x z
    hat = np.array([[0, -cross[2], cross[1]], [cross[2], 0, -cross[0]], [-cross[1], cross[0], 0]])
    rotation: Matrix = np.eye(3) + hat + hat @ hat / (1 + b[2])
    return rotation


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


def _resample(x: Tensor, shape: Sequence[int], matrix: Matrix) -> Tensor:
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
