"""Norms of the difference of two maps."""

from __future__ import annotations

import numpy as np
import scipy.ndimage as ndi

from qsmbids.array_types import Double, Mask

LOG_SIGMA = 1.5  # voxels; cut at 5 sigma, it is the filter of 15 voxels of the 2016 challenge


def linear_fit(x: Double, y: Double) -> tuple[float, float]:
    """Return slope and intercept of y over x by least squares; zeros if x is constant."""
    dx = x - x.mean()
    spread = float(dx @ dx)
    if spread == 0:
        return 0.0, 0.0
    slope = float(dx @ y) / spread
    return slope, float(y.mean() - slope * x.mean())


def nrmse(chi: Double, reference: Double, *, detrend: bool = False) -> float:
    """Return the root mean square error over the reference's, means removed, in percent.

    Parameters
    ----------
    chi, reference : (n,) float64 array
        The values of the voxels that count.
    detrend : bool
        Divide by the slope of ``chi`` over ``reference`` first, so that a wrong scale costs
        nothing; a slope of zero leaves ``chi`` as it is.

    Returns
    -------
    float
        NaN without voxels, or if the reference is constant.

    References
    ----------
    QSM Challenge 2.0 Organization Committee, Magn Reson Med 86:1241 (2021).
    """
    if chi.size == 0:
        return float("nan")
    a, b = chi - chi.mean(), reference - reference.mean()
    norm = float(np.linalg.norm(b))
    if norm < 1e-30:
        return float("nan")
    if detrend:
        slope = float(a @ b) / norm**2
        a = a / slope if abs(slope) > 1e-30 else a
    return 100 * float(np.linalg.norm(a - b)) / norm


def psnr(chi: Double, reference: Double, mask: Mask) -> float:
    """Return the peak signal-to-noise ratio in dB.

    The peak is the range of both maps' values in the mask, and the mean square error is taken
    over the whole grid, as in the 2016 challenge: more air around the head raises it.

    Parameters
    ----------
    chi, reference : (x, y, z) float64 array
        Zero outside the mask.
    mask : (x, y, z) bool array
        What counts.

    Returns
    -------
    float
        Infinite for equal maps, NaN for an empty mask.

    References
    ----------
    Langkammer et al., Magn Reson Med 79:1661 (2018).
    """
    if not mask.any():
        return float("nan")
    error = float(np.mean(np.square(chi - reference)))
    low, high = value_range(chi, reference, mask)
    if error == 0:
        return float("inf")
    return float(10 * np.log10((high - low) ** 2 / error))


def value_range(chi: Double, reference: Double, mask: Mask) -> tuple[float, float]:
    """Return the smallest and the largest value that either map has in a mask."""
    a, b = chi[mask], reference[mask]
    return float(min(a.min(), b.min())), float(max(a.max(), b.max()))


def hfen(chi: Double, reference: Double, mask: Mask) -> float:
    """Return the norm of the error's edges over that of the reference's edges, in percent.

    Edges are what a Laplacian of a Gaussian of 1.5 voxels leaves.

    Parameters
    ----------
    chi, reference : (x, y, z) float64 array
        Zero outside the mask.
    mask : (x, y, z) bool array
        Where the norms are taken.

    Returns
    -------
    float
        NaN for an empty mask or a reference without edges.

    References
    ----------
    Langkammer et al., Magn Reson Med 79:1661 (2018).
    """
    edges = ndi.gaussian_laplace(reference, LOG_SIGMA, truncate=5.0)
    norm = float(np.linalg.norm(edges[mask]))
    if norm < 1e-30:
        return float("nan")
    error = ndi.gaussian_laplace(chi - reference, LOG_SIGMA, truncate=5.0)  # linear: one less
    return 100 * float(np.linalg.norm(error[mask])) / norm
