"""Voxel size and B0 direction from an image's affine."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

Vector = tuple[float, float, float]


def voxel_size(affine: ArrayLike) -> Vector:
    """Return the voxel's edge lengths in mm, from a 4x4 voxel-to-world affine."""
    columns = np.asarray(affine, dtype=float)[:3, :3]
    x, y, z = np.linalg.norm(columns, axis=0)
    return float(x), float(y), float(z)


def b0_direction(affine: ArrayLike) -> Vector:
    """Return the unit vector of B0 along the voxel axes.

    The scanner's B0 is the world's third axis (head to feet for a head-first supine
    subject), in which NIfTI affines are written; its sign does not matter to the kernel.

    Parameters
    ----------
    affine : (4, 4) array_like
        Voxel-to-world affine. A file that was rotated without resampling to another world,
        such as a template's, no longer tells B0.

    Raises
    ------
    ValueError
        If the voxel axes are not at right angles: the kernel is defined on such grids only.
    """
    columns = np.asarray(affine, dtype=float)[:3, :3]
    axes = columns / np.linalg.norm(columns, axis=0)
    if not np.allclose(axes.T @ axes, np.eye(3), atol=1e-3):
        raise ValueError("the affine is sheared: the voxel axes are not at right angles")
    x, y, z = axes.T @ np.array([0.0, 0.0, 1.0])
    norm = float(np.sqrt(x * x + y * y + z * z))
    return float(x) / norm, float(y) / norm, float(z) / norm
