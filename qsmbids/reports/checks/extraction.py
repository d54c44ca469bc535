"""A brain mask that somebody gave against the one that the brain network finds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from qsmbids.array_types import Bool, Float
from qsmbids.errors import InputError
from qsmbids.masking import brain_mask
from qsmbids.reports.checks.blocks import Blocks

_EDGE = 2.0  # mm
_CORE = 8.0  # mm below the surface, where two good masks never differ


def against_network(
    mask: Bool, magnitude: Float, *, voxel_size: Sequence[float], affine: NDArray[np.float64]
) -> dict[str, float]:
    """Return how a mask differs from the network's; empty where that finds no brain.

    Parameters
    ----------
    mask : (x, y, z) bool array
    magnitude : (x, y, z) float32 array
        Of the first echo.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.
    affine : (4, 4) array

    Returns
    -------
    dict
        ``missing``: percent of the brain more than 8 mm below its surface that the mask lacks;
        ``outward``: median distance in mm of the mask's surface outwards from the brain's.
    """
    try:
        found = brain_mask(magnitude, voxel_size=voxel_size, affine=affine)
    except InputError:
        return {}
    if found.warnings:
        return {}
    blocks = Blocks(voxel_size, _EDGE)
    brain, given = (np.pad(blocks.mean(one) > 0.5, 1) for one in (found.mask, mask))
    inwards = ndimage.distance_transform_edt(brain, sampling=blocks.edges)
    outwards = ndimage.distance_transform_edt(~brain, sampling=blocks.edges)
    core = inwards > _CORE
    surface = given & ~ndimage.binary_erosion(given)
    if not core.any() or not surface.any():
        return {}
    # the outermost block of the brain itself is half an edge inside
    away = np.where(brain, -inwards, outwards)[surface] + min(blocks.edges)
    return {
        "missing": 100 * float(np.mean(~given[core])),
        "outward": float(np.median(away)),
    }
