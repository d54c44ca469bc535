"""Phase as complex numbers of length one, and as their mean around a voxel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from qsmbids.array_types import Float


def phasor(phase: Float) -> NDArray[np.complex64]:
    """Return exp(i phase), in a fraction of the time that ``np.exp`` takes for it."""
    result = np.empty(phase.shape, np.complex64)
    np.cos(phase, out=result.real)
    np.sin(phase, out=result.imag)
    return result


def smoothed(phase: Float, weight: Float, width: Sequence[float]) -> Float:
    """Return the phase (x, y, z) in radians of the complex signal after a Gaussian.

    Parameters
    ----------
    phase, weight : (x, y, z) float32 array
        Phase in radians, and the signal's size.
    width : (3,) sequence of float
        Standard deviation of the Gaussian in voxels, which ends at three of them.
    """
    real, imaginary = (
        ndimage.gaussian_filter(weight * part(phase), width, truncate=3)
        for part in (np.cos, np.sin)
    )
    result: Float = np.arctan2(imaginary, real)
    return result
