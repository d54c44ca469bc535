"""Whether phase was high-pass filtered, as it is for susceptibility-weighted images."""

from __future__ import annotations

import math

import numpy as np

from qsmbids.array_types import Float
from qsmbids.phase.phasor import smoothed
from qsmbids.physics import hz_per_ppm

_WIDTH = 6.0  # mm, of the Gaussian that keeps what varies slowly
_LEAST = 0.015  # ppm: the slow field of the best shimmed head is several times as large
_MOST_RADIANS = 0.4  # more proves that nothing was filtered, however long the echo time


def high_pass_doubt(
    phase: Float,
    magnitude: Float,
    echo_time: float,
    *,
    field_strength: float,
    voxel_size: tuple[float, ...],
) -> str:
    """Return a warning if phase has no slow variation, else an empty text.

    Parameters
    ----------
    phase, magnitude : (x, y, z) float32 array
        Of the last echo; phase in radians, magnitude zero where there is no signal.
    echo_time : float
        In seconds.
    field_strength : float
        In tesla.
    voxel_size : (3,) tuple of float
        In mm.

    Notes
    -----
    The phase of the smoothed complex signal holds what varies slowly. The field of air and tissue
    around a brain, and the offset of coils, make it large; a homodyne filter divides it out. Its
    median does not see the rims of sinuses, which a filter leaves.
    """
    width = [_WIDTH / edge for edge in voxel_size]
    slow = float(np.median(np.abs(smoothed(phase, magnitude, width)[magnitude > 0])))
    per_ppm = 2 * math.pi * hz_per_ppm(field_strength) * echo_time
    least = min(_LEAST * per_ppm, _MOST_RADIANS)
    if slow >= least:
        return ""
    return (
        f"The phase has almost no slow variation (typically {slow:.2g} rad at {1000 * echo_time:g}"
        f" ms; a head's field makes more than {least:.2g}): it looks high-pass filtered, as for"
        " SWI. Susceptibility from such phase is much too weak and wrong for large structures;"
        " export the unfiltered phase."
    )
