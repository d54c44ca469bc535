"""How far a local field is to be believed, from the field itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MODEL_ERROR = 0.02  # of the field's standard deviation, beside the noise


def uncertainty(field: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Return the standard deviation in ppm of what susceptibility need not explain.

    The noise is read from the difference along all three axes at once, to which a smooth field
    adds next to nothing; a share of the field stands for errors of the model.

    Parameters
    ----------
    field : (x, y, z) float32 array
        Local field in ppm.
    mask : (x, y, z) bool array
        Where it is valid.
    """
    spread = float(field[mask].std(dtype=np.float64))
    corners, inside = field, mask
    for axis in range(3):
        corners = np.diff(corners, axis=axis)
        a, b = np.moveaxis(inside, axis, 0)[1:], np.moveaxis(inside, axis, 0)[:-1]
        inside = np.moveaxis(a & b, 0, axis)
    if not inside.any():
        return MODEL_ERROR * spread
    noise = 1.4826 * float(np.median(np.abs(corners[inside]))) / 8**0.5
    return float(np.hypot(noise, MODEL_ERROR * spread))
