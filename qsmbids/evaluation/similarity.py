"""Structural similarity of two maps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.ndimage as ndi

from qsmbids.array_types import Double, Mask
from qsmbids.evaluation.agreement import value_range


def ssim(chi: Double, reference: Double, mask: Mask) -> float:
    """Return the structural similarity as the QSM papers compute it.

    Both maps are shifted by the smallest value in the mask while the outside stays zero, and
    compared in Gaussian windows of 1.5 voxels, 5 voxels wide, with the range of the values as L
    and K = 0.01, 0.03: the 2016 challenge's definition with its scale to 255 left out, which
    cancels.

    Parameters
    ----------
    chi, reference : (x, y, z) float64 array
        In any unit.
    mask : (x, y, z) bool array
        Where the similarity is averaged.

    Returns
    -------
    float
        At most 1; NaN for an empty mask or if both maps are one constant.

    References
    ----------
    Wang et al., IEEE Trans Image Process 13:600 (2004), eq. 13; Langkammer et al., Magn Reson
    Med 79:1661 (2018).
    """
    if not mask.any():
        return float("nan")
    low, high = value_range(chi, reference, mask)
    if high == low:
        return float("nan")
    a, b = (np.where(mask, image - low, 0.0) for image in (chi, reference))
    c1, c2 = ((k * (high - low)) ** 2 for k in (0.01, 0.03))

    def smooth(image: Double) -> Double:
        result: Double = ndi.gaussian_filter(image, 1.5, radius=2, mode="constant")
        return result

    return _mean_similarity(a, b, mask, smooth, (c1, c2))


def xsim(chi: Double, reference: Double, mask: Mask) -> float:
    """Return the structural similarity tuned to susceptibility in ppm.

    No rescaling, L = 1 ppm, K = 0.01, 0.001. The windows are those of the QSM-CI leaderboard, 5
    voxels wide with uniform weights and cut at the grid's edge; the paper's are Gaussian.

    Parameters
    ----------
    chi, reference : (x, y, z) float64 array
        In ppm, zero outside the mask.
    mask : (x, y, z) bool array
        Where the similarity is averaged.

    Returns
    -------
    float
        At most 1; NaN for an empty mask.

    References
    ----------
    Milovic et al., Magn Reson Med (2024), doi:10.1002/mrm.30271.
    """
    if not mask.any():
        return float("nan")
    share = ndi.uniform_filter(np.ones_like(chi), 5, mode="constant")

    def smooth(image: Double) -> Double:
        result: Double = ndi.uniform_filter(image, 5, mode="constant")
        result /= share
        return result

    return _mean_similarity(chi, reference, mask, smooth, (1e-4, 1e-6))


def _mean_similarity(
    a: Double,
    b: Double,
    mask: Mask,
    smooth: Callable[[Double], Double],
    constants: tuple[float, float],
) -> float:
    c1, c2 = constants
    mean_a, mean_b = smooth(a)[mask], smooth(b)[mask]
    product, squares = mean_a * mean_b, mean_a**2 + mean_b**2
    covariance = smooth(a * b)[mask] - product
    variances = smooth(a**2 + b**2)[mask] - squares
    similarity = (2 * product + c1) * (2 * covariance + c2)
    similarity /= (squares + c1) * (variances + c2)
    return float(similarity.mean())
