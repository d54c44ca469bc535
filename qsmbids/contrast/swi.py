"""Susceptibility-weighted images: the magnitude, darkened where the local field is positive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from qsmbids.array_types import Bool, Float
from qsmbids.physics.units import radians_per_ppm

_AXIAL = 2


class Weighted(NamedTuple):
    """Images (x, y, z) float32 in the units of the magnitude.

    ``swi`` is that of the whole field of view; ``minimum`` its minimum over slabs, 0 off the mask.
    """

    swi: Float
    minimum: Float


def susceptibility_weighted(
    magnitude: Float,
    field: Float,
    mask: Bool,
    *,
    echo_times: Sequence[float],
    field_strength: float,
    voxel_size: Sequence[float],
    power: int = 4,
    high_pass: float = 4.0,
    slab: float = 8.0,
) -> Weighted:
    r"""Return the susceptibility-weighted image and its minimum-intensity projection.

    Parameters
    ----------
    magnitude : (echo, x, y, z) float32 array
        Axes from left to right, from back to front, from feet to head.
    field : (x, y, z) float32 array
        Local field in ppm; positive where phase grows with time.
    mask : (x, y, z) bool array
        Where the field is known; the magnitude beyond is left as it is.
    echo_times : (echo,) sequence of float
        In seconds.
    field_strength : float
        In tesla.
    voxel_size : (3,) sequence of float
        In mm.
    power : int
        How often the phase mask is multiplied with the magnitude.
    high_pass : float
        What of the field varies more slowly is taken away: the standard deviation in mm of a
        Gaussian in the mask; 0 leaves the field as it is.
    slab : float
        Thickness in mm of the axial slabs, one about each slice, of which the minimum is taken.

    Returns
    -------
    Weighted

    Raises
    ------
    ValueError
        If shapes do not agree, ``power`` or ``slab`` is not positive, or ``high_pass`` negative.

    Notes
    -----
    The phase mask falls in a line from 1 at phase 0 to 0 at :math:`\pi` (Haacke et al., with
    their sign of phase). The phase here is that of the local field, which has neither wraps nor
    the background whose rims a filter of the stored phase leaves at the sinuses; what is filtered
    is the slow shading of large structures. Each echo has its own mask, and the echoes' images are
    averaged (Denk and Rauscher).

    References
    ----------
    Haacke et al., Magn Reson Med 52:612 (2004); Denk and Rauscher, J Magn Reson Imaging 31:185
    (2010).
    """
    if power < 1 or not slab > 0 or high_pass < 0:
        raise ValueError(
            "power and slab must be positive and high_pass at least 0, not "
            f"{power}, {slab} and {high_pass}"
        )
    if magnitude.ndim != 4 or magnitude.shape[1:] != field.shape or mask.shape != field.shape:
        raise ValueError("magnitude, field and mask do not agree in shape")
    if len(echo_times) != len(magnitude):
        raise ValueError(f"{len(magnitude)} echoes have {len(echo_times)} echo times")
    fast = _fast(field, mask, [high_pass / edge for edge in voxel_size])
    swi = np.zeros(field.shape, np.float32)
    for echo, time in zip(magnitude, echo_times, strict=True):
        half_turns = fast * np.float32(radians_per_ppm(field_strength, time) / np.pi)
        swi += echo * np.clip(1 - half_turns, 0, 1) ** power
    swi /= len(magnitude)
    return Weighted(swi, _minimum(swi, mask, max(1, round(slab / voxel_size[_AXIAL]))))


def _fast(field: Float, mask: Bool, width: Sequence[float]) -> Float:
    """Return the field in the mask without its Gaussian mean there; 0 off the mask."""
    inside = np.where(mask, field, np.float32(0))
    if max(width) > 0:
        share = ndimage.gaussian_filter(mask.astype(np.float32), width)
        slow = ndimage.gaussian_filter(inside, width) / np.maximum(share, np.float32(1e-6))
        inside -= np.where(mask, slow, np.float32(0))
    return inside


def _minimum(image: Float, mask: Bool, slices: int) -> Float:
    """Return the minimum over axial slabs of the voxels in the mask."""
    inside = np.where(mask, image, np.float32(np.inf))
    least = ndimage.minimum_filter1d(inside, slices, axis=_AXIAL, mode="nearest")
    return np.where(mask, least, np.float32(0))
