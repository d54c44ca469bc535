"""Morphology of masks in millimetres, exact for anisotropic voxels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from qsmbids.array_types import Mask
from qsmbids.physics.geometry import bounding_box


def erode(mask: ArrayLike, radius_mm: float, voxel_size: Sequence[float]) -> Mask:
    """Return the voxels whose whole ball of radius ``radius_mm`` lies inside ``mask``.

    Parameters
    ----------
    mask : (x, y, z) array_like
        Non-zero inside.
    radius_mm : float
        Radius of the ball in mm; zero leaves the mask as it is.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.

    Returns
    -------
    (x, y, z) bool array
        Voxels further than ``radius_mm`` from every voxel outside, centre to centre.

    Raises
    ------
    ValueError
        If the mask is not 3D, the radius is negative, or a voxel size is not positive.

    Notes
    -----
    What lies beyond the field of view counts as outside. For a slab that cuts the brain this
    costs ``radius_mm`` at both ends, and it has to: a spherical mean whose ball leaves the
    volume cannot be evaluated there.
    """
    whole = _check(mask, radius_mm, voxel_size)
    if not whole.any() or radius_mm == 0:
        return whole.copy()
    eroded = np.zeros_like(whole)
    box = bounding_box(whole)
    inside = np.pad(whole[box], 1)  # the ring stands for everything outside the box
    near = _within(~inside, radius_mm, voxel_size)
    eroded[box] = (inside & ~near)[1:-1, 1:-1, 1:-1]
    return eroded


def dilate(mask: ArrayLike, radius_mm: float, voxel_size: Sequence[float]) -> Mask:
    """Return the voxels within ``radius_mm`` of ``mask``; arguments as for :func:`erode`."""
    whole = _check(mask, radius_mm, voxel_size)
    if not whole.any() or radius_mm == 0:
        return whole.copy()
    reach = [int(radius_mm * (1 + 1e-5) / edge) for edge in voxel_size]
    box = bounding_box(whole, margin=reach)
    dilated = np.zeros_like(whole)
    dilated[box] = _within(whole[box], radius_mm, voxel_size)
    return dilated


def opening(mask: Mask, radius_mm: float, voxel_size: Sequence[float]) -> Mask:
    """Remove what is thinner than a ball of ``radius_mm``; the field of view's border is no edge.

    Unlike in :func:`erode`, the mask goes on beyond the border as it is at the border, so that
    the ends of a slab keep their shape.
    """
    outside = dilate(~mask, radius_mm, voxel_size)
    return dilate(~outside, radius_mm, voxel_size) & mask


def closing(mask: Mask, radius_mm: float, voxel_size: Sequence[float]) -> Mask:
    """Fill what is thinner than a ball of ``radius_mm``; the counterpart of :func:`opening`."""
    return ~opening(~mask, radius_mm, voxel_size)


def largest_component(mask: Mask) -> Mask:
    """Return the largest face-connected component; an empty mask stays empty."""
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask.copy()
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


def fill_holes(mask: Mask) -> Mask:
    """Fill the cavities that no path of faces joins to the border of the volume."""
    box = bounding_box(mask)
    labels, _ = ndimage.label(np.pad(~mask[box], 1, constant_values=True))
    filled = mask.copy()
    filled[box] = (labels != labels[0, 0, 0])[1:-1, 1:-1, 1:-1]
    return filled


def _within(seeds: Mask, radius_mm: float, voxel_size: Sequence[float]) -> Mask:
    """Return the voxels whose centre is at most ``radius_mm`` from a seed's.

    The squared Euclidean distance is separable: one minimum over shifts per axis. Only shifts
    within the radius matter, which makes this many times faster than a full distance map.
    """
    limit = np.float32(radius_mm**2 * (1 + 1e-5))  # a voxel exactly on the sphere is within
    far = np.float32(4 * limit + 1)
    distance = np.where(seeds, np.float32(0), far)
    for axis, edge in enumerate(voxel_size):
        source = distance.copy()
        for shift in range(1, int(radius_mm * (1 + 1e-5) / edge) + 1):
            step = np.float32((shift * edge) ** 2)
            if shift >= seeds.shape[axis]:
                break
            low = _slab(axis, slice(None, -shift))
            high = _slab(axis, slice(shift, None))
            moved = source + step
            np.minimum(distance[high], moved[low], out=distance[high])
            np.minimum(distance[low], moved[high], out=distance[low])
    return np.asarray(distance <= limit)


def _slab(axis: int, part: slice) -> tuple[slice, ...]:
    return tuple(part if index == axis else slice(None) for index in range(3))


def _check(values: ArrayLike, radius_mm: float, voxel_size: Sequence[float]) -> Mask:
    mask = np.asarray(np.asarray(values) != 0)
    if mask.ndim != 3:
        raise ValueError(f"the mask has {mask.ndim} dimensions; three are needed")
    if not radius_mm >= 0:
        raise ValueError(f"the radius is {radius_mm} mm; it cannot be negative")
    if len(voxel_size) != 3 or not all(edge > 0 for edge in voxel_size):
        raise ValueError(f"the voxel size {tuple(voxel_size)} is not three positive lengths in mm")
    return mask
