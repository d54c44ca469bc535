"""A map against its reference region by region, and along a line through a lesion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import ArrayLike

from qsmbids.array_types import Double, Mask
from qsmbids.evaluation.agreement import linear_fit

LESION_PPM = -0.3  # what is lower, relative to the mean of the brain, is no normal tissue
LESION_VOXELS = 3  # less is noise


@dataclass(frozen=True)
class Agreement:
    """How values follow those of a reference.

    Attributes
    ----------
    n : int
        Pairs of values.
    slope, intercept, r_squared : float
        Of the regression of the values over the reference.
    bias, low, high : float
        Mean difference from the reference and its limits of agreement, 1.96 standard
        deviations below and above.
    """

    n: int
    slope: float
    intercept: float
    r_squared: float
    bias: float
    low: float
    high: float


def region_means(
    chi: ArrayLike, reference: ArrayLike, mask: ArrayLike, regions: Mapping[str, ArrayLike]
) -> dict[str, tuple[float, float]]:
    """Return the mean of the reference and of a map in each region.

    Parameters
    ----------
    chi, reference : (x, y, z) array_like
        In ppm; the mean over the mask counts as zero in each. Values of ``chi`` that are not
        finite count as zero.
    mask : (x, y, z) array_like
        What is known; the reference is finite there.
    regions : mapping of str to (x, y, z) array_like
        Masks by name; those that have no voxel inside the mask are left out.

    Returns
    -------
    dict of str to (float, float)
        The reference's mean first.
    """
    inside = np.asarray(mask, dtype=bool)
    a, b = (centred(image, inside) for image in (chi, reference))
    parts = {name: np.asarray(region, dtype=bool) & inside for name, region in regions.items()}
    return {
        name: (float(b[part].mean()), float(a[part].mean()))
        for name, part in parts.items()
        if part.any()
    }


def measure_agreement(reference: Sequence[float], values: Sequence[float]) -> Agreement:
    """Return regression and Bland-Altman statistics of values against their reference.

    Parameters
    ----------
    reference, values : (n,) sequence of float
        In the same unit.

    Returns
    -------
    Agreement
        NaN where there are too few values: three for the regression and the limits.

    References
    ----------
    Bland and Altman, Lancet 327:307 (1986).
    """
    x, y = (np.asarray(one, dtype=np.float64) for one in (reference, values))
    bias = float((y - x).mean()) if x.size else float("nan")
    if x.size < 3:
        nan = float("nan")
        return Agreement(x.size, nan, nan, nan, bias, nan, nan)
    slope, intercept = linear_fit(x, y)
    spread = float(np.square(y - y.mean()).sum())
    rest = float(np.square(y - slope * x - intercept).sum())
    explained = 1 - rest / spread if spread else float("nan")
    reach = 1.96 * float((y - x).std(ddof=1))
    return Agreement(x.size, slope, intercept, explained, bias, bias - reach, bias + reach)


def centred(image: ArrayLike, inside: Mask) -> Double:
    """Return a map with mean zero over a mask, and zero outside of it and where not finite."""
    values = np.asarray(image, dtype=np.float64)
    known = inside & np.isfinite(values)
    shift = values[known].mean() if known.any() else 0.0
    return np.where(known, values - shift, 0.0)


def diamagnetic_lesion(reference: ArrayLike, mask: ArrayLike) -> Mask:
    """Return the strongest diamagnetic lesion of a map, such as a calcification.

    Parameters
    ----------
    reference : (x, y, z) array_like
        In ppm.
    mask : (x, y, z) array_like
        Where it is looked for.

    Returns
    -------
    (x, y, z) bool array
        The connected voxels below ``LESION_PPM``, at least ``LESION_VOXELS``, that hold the
        lowest value; empty if there are none.
    """
    inside = np.asarray(mask, dtype=bool)
    values = centred(reference, inside)
    parts, count = ndi.label(values < LESION_PPM)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    large = [part for part in range(1, count + 1) if sizes[part] >= LESION_VOXELS]
    if not large:
        return np.zeros_like(inside)
    lowest = ndi.minimum(values, parts, large)
    found: Mask = parts == large[int(np.argmin(lowest))]
    return found
