"""Conversions between ppm of B0, hertz and radians."""

from __future__ import annotations

import math

GAMMA_HZ_PER_T = 42.577478461e6
"""Gyromagnetic ratio of the proton in water over 2 pi, in Hz/T (CODATA 2022, unshielded)."""
SHORTEST_ECHO, LONGEST_ECHO = 1e-6, 0.5
"""In s: no sequence is so fast, and none waits half a second."""


def is_field_strength(tesla: float) -> bool:
    """Tell whether a magnet that images heads has that field strength."""
    return 0.05 <= tesla <= 25.0


def is_echo_time(seconds: float) -> bool:
    """Tell whether a gradient-echo sequence has that echo time."""
    return SHORTEST_ECHO <= seconds <= LONGEST_ECHO


def hz_per_ppm(field_strength: float) -> float:
    """Return the frequency in Hz that a field of 1 ppm makes at ``field_strength`` tesla."""
    return GAMMA_HZ_PER_T * 1e-6 * field_strength


def radians_per_ppm(field_strength: float, echo_time: float) -> float:
    """Return the phase in radians that a field of 1 ppm makes until ``echo_time`` seconds."""
    return 2 * math.pi * hz_per_ppm(field_strength) * echo_time
