"""Images of a moved head on the grid of another position, and where B0 pointed there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from qsmbids.array_types import Float, Mask
from qsmbids.physics import voxel_size

Affine = NDArray[np.float64]
Vector = tuple[float, float, float]

INSIDE = 0.99
"""Share of a voxel's neighbours in the mask, from which on its value comes from the mask."""


def resample(
    image: ArrayLike,
    mask: ArrayLike,
    *,
    affine: ArrayLike,
    onto: ArrayLike,
    shape: Sequence[int],
    motion: ArrayLike,
    order: int = 3,
) -> Float:
    """Return an image of a moved head on another grid, by cubic splines.

    Parameters
    ----------
    image : (x, y, z) array_like
        What is to be resampled, valid in ``mask`` only.
    mask : (x, y, z) array_like
        Outside of it the nearest value inside takes the image's place: a step at the mask's
        edge would ring into it.
    affine, onto : (4, 4) array_like
        Voxel to world of the image and of the new grid.
    shape : (3,) sequence of int
        The new grid.
    motion : (4, 4) array_like
        From the new grid's world to the image's, as in `qsmbids.registration.Rigid`.
    order : int
        Of the splines; 1 is linear interpolation, which makes no new extremes.

    Returns
    -------
    (x, y, z) float32 array
        To be trusted where `resample_mask` is true.
    """
    inside = np.asarray(mask) != 0
    values = np.asarray(image, dtype=np.float32)
    nearest = ndimage.distance_transform_edt(
        ~inside, sampling=voxel_size(affine), return_distances=False, return_indices=True
    )
    return _sample(values[tuple(nearest)], order, "nearest", affine, onto, shape, motion)


def resample_mask(
    mask: ArrayLike,
    *,
    affine: ArrayLike,
    onto: ArrayLike,
    shape: Sequence[int],
    motion: ArrayLike,
) -> Mask:
    """Return where the new grid's voxels lie between voxels of ``mask`` alone.

    Parameters
    ----------
    mask : (x, y, z) array_like
        On the image's grid.
    affine, onto, shape, motion
        As in `resample`.
    """
    share = np.asarray(mask, dtype=np.float32)
    return _sample(share, 1, "constant", affine, onto, shape, motion) > INSIDE


def resample_labels(
    labels: ArrayLike, *, affine: ArrayLike, onto: ArrayLike, shape: Sequence[int]
) -> NDArray[np.int32]:
    """Return the label at each voxel of another grid, by both affines; 0 outside of the image.

    Parameters
    ----------
    labels : (x, y, z) array_like of int
        Up to 2^24.
    affine, onto, shape
        As in `resample`.
    """
    numbers = np.asarray(labels, dtype=np.float32)
    found = _sample(numbers, 0, "constant", affine, onto, shape, np.eye(4))
    return np.asarray(found, dtype=np.int32)


def b0_after(
    b0_dir: Sequence[float], *, affine: ArrayLike, onto: ArrayLike, motion: ArrayLike
) -> Vector:
    """Return the B0 direction of a moved head along the voxel axes of another position's grid.

    Parameters
    ----------
    b0_dir : (3,) sequence of float
        B0 along the voxel axes of the moved head's own image.
    affine, onto, motion
        As in `resample`.
    """
    own, new, turn = _axes(affine), _axes(onto), np.asarray(motion, dtype=float)[:3, :3]
    x, y, z = new.T @ turn.T @ own @ np.asarray(b0_dir, dtype=float)
    return float(x), float(y), float(z)


def _axes(affine: ArrayLike) -> Affine:
    """Return the voxel axes as unit vectors of the world, in columns."""
    return np.asarray(np.asarray(affine, dtype=float)[:3, :3] / np.array(voxel_size(affine)))


def _sample(
    image: Float,
    order: int,
    mode: str,
    affine: ArrayLike,
    onto: ArrayLike,
    shape: Sequence[int],
    motion: ArrayLike,
) -> Float:
    to_voxel = (
        np.linalg.inv(np.asarray(affine, dtype=float))
        @ np.asarray(motion, dtype=float)
        @ np.asarray(onto)
    )
    found = ndimage.affine_transform(
        image, to_voxel[:3, :3], to_voxel[:3, 3], tuple(shape), np.float32, order, mode
    )
    return np.asarray(found)
