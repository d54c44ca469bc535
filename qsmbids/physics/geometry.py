"""Voxel size and B0 direction from an image's affine; the part of a grid that is used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = tuple[float, float, float]

_DECIMALS = 5


def voxel_size(affine: ArrayLike) -> Vector:
    """Return the voxel's edge lengths in mm.

    They are rounded to 0.00001 mm: headers hold float32, and a sphere of 6 mm must not lose its
    outermost voxels to an edge of 1.50000001 mm.

    Parameters
    ----------
    affine : (4, 4) array_like
        Voxel to world, in mm.
    """
    columns = np.asarray(affine, dtype=float)[:3, :3]
    x, y, z = (round(float(edge), _DECIMALS) for edge in np.linalg.norm(columns, axis=0))
    return x, y, z


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


def bounding_box(
    mask: NDArray[np.bool_], margin: Sequence[int] = (0, 0, 0)
) -> tuple[slice, slice, slice]:
    """Return slices around the true voxels, ``margin`` voxels wider but inside the array.

    Parameters
    ----------
    mask : (x, y, z) bool array
        An empty one gives the whole array.
    margin : (3,) sequence of int
        Voxels to spare on both sides of each axis.
    """
    slices = []
    for axis, extra in enumerate(margin):
        others = tuple(other for other in range(3) if other != axis)
        used = np.flatnonzero(mask.any(axis=others))
        length = mask.shape[axis]
        first, last = (used[0], used[-1]) if used.size else (0, length - 1)
        slices.append(slice(max(0, int(first) - extra), min(length, int(last) + extra + 1)))
    return slices[0], slices[1], slices[2]
