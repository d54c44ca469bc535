"""Where there is signal at all: tissue against background noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from qsmbids.array_types import Mask
from qsmbids.errors import InputError
from qsmbids.physics.morphology import fill_holes, largest_component

_BINS = 256
_LEAST_CONTRAST = 3.5  # tissue over background; below it there is no background in the volume
_DARK = 0.1  # of the median tissue, where the volume holds no background to measure


def signal_mask(magnitude: ArrayLike) -> Mask:
    """Return where the magnitude holds signal: the head, or whatever lies in the volume.

    The threshold is Otsu's on the logarithm of the locally averaged magnitude, which puts the
    two kinds of voxel on a comparable scale under a strong B1 bias. A volume without background
    (a crop inside the brain, a skull-stripped image) is recognised by the small ratio of the
    two classes, and only its voxels without signal are left out.

    Parameters
    ----------
    magnitude : (x, y, z) array_like
        Magnitude in any units.

    Returns
    -------
    (x, y, z) bool array
        The largest component, holes filled. Bone and air that a path joins to the border of the
        volume stay outside.

    Raises
    ------
    ValueError
        If the magnitude is not 3D.
    InputError
        If the magnitude holds no positive value.

    References
    ----------
    Otsu N. A threshold selection method from gray-level histograms. IEEE Trans Syst Man Cybern
    1979;9:62-66.
    """
    values = positive(magnitude)
    # a box mean's speckle is a fifth of the noise's, so the classes come apart
    smooth = ndimage.uniform_filter(values, 3, mode="nearest")
    found = (smooth > threshold(smooth[values > 0])) & (values > 0)
    return fill_holes(largest_component(found))


def threshold(values: NDArray[np.float32]) -> float:
    """Return the value between background and tissue of positive ``values``."""
    logs = np.log(values[values > 0][:: max(1, values.size // 2_000_000)])
    low, high = np.percentile(logs, [0.5, 99.5])
    if high - low < 1e-6:
        return 0.0
    counts, edges = np.histogram(logs, bins=_BINS, range=(low, high))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts, dtype=float)[:-1]
    above = counts.sum() - below
    mass = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_below = mass[:-1] / below
        mean_above = (mass[-1] - mass[:-1]) / above
    between = np.nan_to_num(below * above * (mean_above - mean_below) ** 2)
    cut = int(between.argmax())
    if mean_above[cut] - mean_below[cut] < np.log(_LEAST_CONTRAST):
        return float(_DARK * np.exp(np.median(logs)))
    return float(np.exp(edges[cut + 1]))


def positive(magnitude: ArrayLike) -> NDArray[np.float32]:
    """Return the magnitude as float32 with NaN and negative values set to zero, checked."""
    values = np.asarray(magnitude, dtype=np.float32)
    if values.ndim != 3:
        raise ValueError(f"the magnitude has {values.ndim} dimensions; three are needed")
    if not np.isfinite(values).all() or values.min(initial=0) < 0:
        values = np.nan_to_num(values, nan=0, posinf=0, neginf=0).clip(min=0)
    if not values.any():
        raise InputError("the magnitude is zero everywhere")
    return values
