"""The noise of a field, read from the field itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MODEL_ERROR = 0.02  # of the field's standard deviation, beside the noise
MEDIAN = 0.6745  # of the absolute value of a normal variable of standard deviation 1
OVER_MEDIAN = 1.4826  # 1 / MEDIAN, as rounded where the defaults of the inversions were chosen


def mixed_difference(field: Any, mask: Any) -> tuple[Any, Any]:
    """Return the difference along all three axes at once, and where it lies in the mask.

    A smooth field adds next to nothing to it, and noise has 8 times its variance there.

    Parameters
    ----------
    field, mask : (..., x, y, z) array or tensor
        The mask is bool, or 0 and 1.

    Returns
    -------
    (..., x - 1, y - 1, z - 1) array or tensor, twice
    """
    for axis in (-3, -2, -1):
        ahead, back = ((..., part, *(slice(None),) * (-1 - axis)) for part in _NEIGHBOURS)
        field, mask = field[ahead] - field[back], mask[ahead] * mask[back]
    return field, mask


_NEIGHBOURS = slice(1, None), slice(None, -1)


def noise_level(field: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Return the standard deviation of the noise in a field, 0 where the mask is too thin to tell.

    Parameters
    ----------
    field : (x, y, z) float32 array
        In any unit.
    mask : (x, y, z) bool array
        Where it is valid.
    """
    return _median_difference(field, mask) / MEDIAN / 8**0.5


def _median_difference(field: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    corners, inside = mixed_difference(field, mask)
    return float(np.median(np.abs(corners[inside]))) if inside.any() else 0.0


def unexplained_level(field: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Return the standard deviation of what susceptibility need not explain of a local field.

    That is the noise and, for errors of the model, a share of the field.

    Parameters
    ----------
    field, mask
        As in `noise_level`.
    """
    spread = float(field[mask].std(dtype=np.float64))
    noise = OVER_MEDIAN * _median_difference(field, mask) / 8**0.5
    return float(np.hypot(noise, MODEL_ERROR * spread))
