"""The windows of a page's pictures: the same for all participants, so that these can be compared.

They depend on nothing but the field strength and the echo time. Only a magnitude, whose unit is
arbitrary, has one of its own.
"""

from __future__ import annotations

import math

import numpy as np

from qsmbids.bids.volume import Image
from qsmbids.physics import hz_per_ppm
from qsmbids.reports.checks.field_checks import usual_r2star

Window = tuple[float, float]

TISSUE_PPM: Window = (-0.1, 0.1)
WIDE_PPM: Window = (-0.5, 0.5)
TOTAL_PPM: Window = (-0.5, 0.5)
LOCAL_PPM: Window = (-0.05, 0.05)
UNCERTAINTY_PPM: Window = (0.0, 0.05)
PART_PPM: Window = (0.0, 0.15)
NOISE_RAD = 0.1
PHASE_RAD: Window = (-math.pi, math.pi)
RESIDUAL_RAD: Window = (0.0, 0.3)
DECAY = 3.0  # times the usual R2*


def r2star_window(strength: float | None) -> Window:
    """Return the window of R2* in 1/s at a field strength in tesla, 3 T if it is not known."""
    return 0.0, DECAY * usual_r2star(strength or 3.0)


def unwrapped_window(strength: float, time: float) -> Window:
    """Return the window in radians of what `TOTAL_PPM` makes in ``time`` seconds."""
    turn = 2 * math.pi * hz_per_ppm(strength) * time
    return turn * TOTAL_PPM[0], turn * TOTAL_PPM[1]


def noise_window(strength: float, time: float) -> Window:
    """Return the window in ppm of the field's noise that `NOISE_RAD` of phase makes."""
    return 0.0, _round_up(NOISE_RAD / (2 * math.pi * hz_per_ppm(strength) * time))


def in_hertz(window: Window, strength: float = 3.0) -> Window:
    """Return a window in ppm in Hz."""
    return window[0] * hz_per_ppm(strength), window[1] * hz_per_ppm(strength)


def own_window(values: Image, percentile: float = 99.5) -> Window:
    """Return a window from zero that holds ``percentile`` of the values, with a round end."""
    return 0.0, _round_up(float(np.percentile(values, percentile))) if values.size else 1.0


def in_words(window: Window, unit: str) -> str:
    """Return a window as text.

    >>> in_words((0.0, 0.05), "ppm")
    '0 to 0.05 ppm'
    """
    return f"{window[0]:.4g} to {window[1]:.4g} {unit}".replace("-", "\N{MINUS SIGN}")


def _round_up(value: float) -> float:
    """Return the next 1, 1.5, 2, 3, 4, 5 or 7.5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    steps = (1, 1.5, 2, 3, 4, 5, 7.5, 10)
    return float(power * next(step for step in steps if step * power >= value * 0.999))
