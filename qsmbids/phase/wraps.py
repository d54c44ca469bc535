"""Evidence that an image holds wrapped phase, and what the values of one turn are."""

from __future__ import annotations

import numpy as np

from qsmbids.array_types import Float

_CALM = 0.05  # of a turn: neighbours in tissue seldom differ by more
_NEAR = 0.06  # of a turn, by which a wrap's jump may miss it
_FAR = (0.65, 0.85)  # of a turn: noise jumps so far as well, a wrap never
_MIDDLE = 0.2  # of the range, to both sides of its middle: two fifths of evenly spread phase
_LEAST_MIDDLE = 0.1
_SOME = 3  # every third voxel tells that
_LEAST = 20
_LEAST_SHARE = 0.1  # noise alone reaches 0.03
_ENOUGH = 500
_LEAST_TOP = 0.02  # of the voxels; evenly spread phase has 0.1


def wraps(values: Float) -> bool:
    """Tell whether the ends of the range of values are joined by wraps.

    Parameters
    ----------
    values : (echo, x, y, z) float32 array
        NaN where there is no image.

    Notes
    -----
    Jumps as large as the range then pile up. Counted are those between voxels that differ little
    from their other neighbours on the same line, less the slope that these show. In noise such
    jumps are rarer the larger they are; a smooth image has none. Only a wrapped phase has a peak
    at the full range, and values between: those of a bright body on dark ground have the peak,
    too, but nothing between.
    """
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    turn = high - low
    some = values[..., ::_SOME]
    middle = np.abs(some - (low + high) / 2) < _MIDDLE * turn
    if np.count_nonzero(middle) < _LEAST_MIDDLE * np.count_nonzero(~np.isnan(some)):
        return False
    near = far = 0
    for echo in values[::-1]:  # later echoes wrap more
        for axis in range(3):
            jumps = np.diff(np.moveaxis(echo, axis, -1), axis=-1) / np.float32(turn)
            if jumps.shape[-1] < 3:
                continue
            before, here, after = jumps[..., :-2], jumps[..., 1:-1], jumps[..., 2:]
            large = np.abs(here) > 0.6
            large &= np.abs(before) < _CALM
            large &= np.abs(after) < _CALM
            size = np.abs(here[large] - (before[large] + after[large]) / 2)
            near += int(np.count_nonzero(np.abs(size - 1) < _NEAR))
            far += int(np.count_nonzero((size > _FAR[0]) & (size < _FAR[1])))
            if near > _ENOUGH and near > far:
                return True
    return near >= _LEAST + _LEAST_SHARE * far


def like_magnitude(values: Float, low: float, high: float) -> bool:
    """Tell whether values come near to the top of their range far more seldom than to its bottom.

    Those of a magnitude do. Phase of air is spread evenly over the turn, and phase in a mask lies
    about its middle.

    Parameters
    ----------
    values : (voxel,) float32 array
        Without those that a mask has set to zero.
    low, high : float
        The range.
    """
    tenth = (high - low) / 10
    top = np.count_nonzero(values > high - tenth)
    return bool(top < _LEAST_TOP * values.size and np.count_nonzero(values < low + tenth) > 2 * top)
