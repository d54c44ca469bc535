"""How far to trust a local field where the magnitude alone tells it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Float


def combined(echoes: Float) -> Float:
    """Return the root sum of squares of a magnitude (echo, x, y, z) over its echoes."""
    signal: Float = np.sqrt(np.einsum("exyz,exyz->xyz", echoes, echoes))
    return signal


def magnitude_weight(
    field: Float, magnitude: Float, mask: NDArray[np.bool_] | None = None
) -> Float:
    """Return the magnitude over its maximum as the weight of a field, whose noise is its inverse.

    Parameters
    ----------
    field : (x, y, z) float32 array
        In any unit; exactly 0 where it was not measured.
    magnitude : (x, y, z) float32 array
        In any unit; what is negative or no number counts as 0.
    mask : (x, y, z) bool array, optional
        Where to take the maximum; everywhere by default.

    Returns
    -------
    (x, y, z) float32 array
        0 where the field is exactly 0, up to 1 in the mask.

    Raises
    ------
    ValueError
        If there is no signal there.

    References
    ----------
    Liu and Koch, MLMIR 2020, whose data term is weighted so.
    """
    signal = np.maximum(np.nan_to_num(magnitude, posinf=0, neginf=0), 0)
    top = signal.max() if mask is None else signal.max(initial=0, where=mask)
    if not top > 0:
        raise ValueError("the magnitude is zero everywhere in the mask")
    return np.where(field != 0, signal / top, 0).astype(np.float32)
