"""Noise of the signal, estimated from the data, and of the field that is fitted to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from qsmbids.array_types import Float


def noise_from_residual(chi2: Float, freedom: int) -> float:
    """Return the signal's noise from what the line fit leaves.

    Parameters
    ----------
    chi2 : (voxel,) float32 array
        Sum over echoes of (magnitude * phase residual)^2: for pure noise, noise^2 times a chi^2
        variable of ``freedom`` degrees.
    freedom : int
        Echoes minus two.

    Notes
    -----
    The median is used: vessels, motion and voxels without signal do not move it much. That of a
    chi^2 variable is twice the inverse of the incomplete gamma function at a half.
    """
    return float(np.sqrt(max(np.median(chi2), 1e-30) / (2 * special.gammaincinv(freedom / 2, 0.5))))


def noise_from_magnitude(magnitude: Float, mask: NDArray[np.bool_]) -> float:
    """Return the noise of a magnitude image (x, y, z) from its second differences in the mask.

    Anatomy is mostly linear over three voxels, noise is not; of the axes the one along which
    the image is smoothest is used.
    """
    spreads = []
    for axis in range(3):
        bend = ndimage.correlate1d(magnitude, [1, -2, 1], axis=axis)
        whole = ndimage.minimum_filter1d(mask, 3, axis=axis)
        if whole.any():
            spreads.append(float(np.median(np.abs(bend[whole]))))
    # median |x| of a normal variable is 0.6745; [1, -2, 1] multiplies its deviation by sqrt 6
    largest = float(magnitude.max())
    return max(min(spreads, default=0.0) / 0.6745 / 6**0.5, 1e-6 * largest)


def field_noise(magnitude: Float, times: Float, noise: float) -> Float:
    r"""Return the standard deviation (rad/s) of the fitted slope, the Cramer-Rao bound.

    :math:`\sigma_\omega = \sigma / \sqrt{\sum_e m_e^2 (t_e - \bar t)^2}` with the
    magnitude-weighted mean time; for one echo :math:`\sigma / (m t)`.

    Parameters
    ----------
    magnitude : (echo, voxel) float32 array
    times : (echo,) float32 array
        In seconds.
    noise : float
        Standard deviation of the real and of the imaginary part, in units of the magnitude.

    Notes
    -----
    The phase of a voxel without signal is uniform, not infinitely uncertain; the magnitude is
    therefore taken as at least a tenth of the noise, which keeps the result finite.
    """
    signal = np.maximum(magnitude, np.float32(0.1 * noise))
    weights = signal * signal
    mean = (times @ weights) / weights.sum(0) if len(times) > 1 else np.zeros_like(signal[0])
    centred = times[:, None] - mean
    spread = np.einsum("ev,ev,ev->v", weights, centred, centred)
    result: Float = np.float32(noise) / np.sqrt(spread)
    return result
