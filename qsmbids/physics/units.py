"""Conversions between ppm of B0, hertz and radians."""

from __future__ import annotations

import math

GAMMA_HZ_PER_T = 42.577478461e6
"""Gyromagnetic ratio of the proton in water over 2 pi, in Hz/T (CODATA 2022, unshielded)."""


def hz_per_ppm(field_strength: float) -> float:
    """Return the frequency in Hz that a field of 1 ppm makes at ``field_strength`` tesla."""
    return GAMMA_HZ_PER_T * 1e-6 * field_strength


def radians_per_ppm(field_strength: float, echo_time: float) -> float:
    """Return the phase in radians that a field of 1 ppm makes until ``echo_time`` seconds."""
    return 2 * math.pi * hz_per_ppm(field_strength) * echo_time
