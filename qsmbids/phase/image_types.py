"""Whether a magnitude and a phase image hold what their names say."""

from __future__ import annotations

import numpy as np

from qsmbids.array_types import Float
from qsmbids.errors import InputError
from qsmbids.phase.wraps import wraps

_SIGNAL = 0.2  # of the bright voxels' magnitude
_COPY = (
    0.9  # correlation of magnitude and phase where there is signal; measured ones stay below 0.5
)


def check_pair(magnitude: Float, phase: Float) -> None:
    """Raise InputError if a magnitude is wrapped phase, or a phase the copy of the magnitude.

    Parameters
    ----------
    magnitude, phase : (x, y, z) float32 array
        Of one echo; the phase in radians.
    """
    image = np.where(magnitude == 0, np.float32(np.nan), magnitude)
    if wraps(image[None]):
        raise InputError(
            "The magnitude wraps from its largest to its smallest value, as only phase does; were "
            "magnitude and phase exchanged?"
        )
    inside = magnitude > _SIGNAL * np.percentile(magnitude, 99)
    one, other = magnitude[inside], phase[inside]
    if one.size < 3 or one.std() == 0 or other.std() == 0:
        return
    correlation = float(np.corrcoef(one, other)[0, 1])
    if abs(correlation) > _COPY:
        raise InputError(
            f"The phase follows the magnitude (correlation {correlation:+.2f} where there is "
            "signal): it is another magnitude; give the phase image."
        )
