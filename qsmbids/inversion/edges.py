"""Edges of the magnitude, at which susceptibility is free to change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qsmbids.array_types import Bool, Float
from qsmbids.physics.gradient import difference


def steep_differences(
    magnitude: Float, mask: Bool, scale: Sequence[np.float32], share: float
) -> list[Bool]:
    """Return where the magnitude differs most from the next voxel along each axis.

    Parameters
    ----------
    magnitude : (x, y, z) float32 array
        In any unit.
    mask : (x, y, z) bool array
        Differences count between two of its voxels.
    scale : (3,) sequence of float32
        See `qsmbids.physics.gradient.spacing`.
    share : float
        Of these differences, the steepest, 0 to 1.

    Returns
    -------
    list of three (x, y, z) bool arrays
    """
    changes, both = [], []
    for axis in range(3):
        change = difference(magnitude, axis, scale[axis], np.empty_like(magnitude))
        changes.append(np.abs(change, out=change))
        both.append(mask & np.roll(mask, -1, axis))
    found = np.concatenate([c[b] for c, b in zip(changes, both, strict=True)])
    if found.size == 0:
        return both
    steep = np.quantile(found, 1 - share)
    return [b & (c > steep) for c, b in zip(changes, both, strict=True)]


def edge_voxels(magnitude: Float, mask: Bool, scale: Sequence[np.float32], share: float) -> Bool:
    """Return the voxels (x, y, z) at which the magnitude is steep along any axis.

    Parameters
    ----------
    magnitude, mask, scale, share
        As in `steep_differences`.
    """
    x, y, z = steep_differences(magnitude, mask, scale, share)
    return x | y | z
