"""Whether a field map still has the wraps of the phase that it was made from."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

_BOTH_ENDS = 0.98  # of the larger end, which the other must reach
_JUMP = 0.8  # of the full range, between neighbours
_LEAST_JUMPS = 20
_SIGNAL = 0.1  # of the magnitude's 99th percentile


def looks_wrapped(field: ArrayLike, magnitude: ArrayLike | None = None) -> bool:
    """Tell whether a field reaches two opposite ends and jumps from one to the other.

    Parameters
    ----------
    field : (x, y, z) array_like
        In any unit.
    magnitude : (x, y, z) array_like, optional
        Noise is left out where it is low.

    Notes
    -----
    An unwrapped field has no reason to end at opposite values, nor to jump by nearly all of its
    range between neighbours with signal.
    """
    values = np.asarray(field, dtype=np.float32)
    low, high = float(values.min()), float(values.max())
    end = max(-low, high)
    if min(-low, high) < _BOTH_ENDS * end:
        return False
    signal = np.ones(values.shape, dtype=bool)
    if magnitude is not None:
        image = np.asarray(magnitude, dtype=np.float32)
        signal = image > _SIGNAL * np.percentile(image, 99)
    jumps = 0
    for axis in range(3):
        here, ahead = (slice(None, -1), slice(1, None))
        line, both = np.moveaxis(values, axis, 0), np.moveaxis(signal, axis, 0)
        far = np.abs(line[ahead] - line[here]) > _JUMP * 2 * end
        jumps += int(np.count_nonzero(far & both[ahead] & both[here]))
    return jumps >= _LEAST_JUMPS
