"""Conversions between ppm of B0, hertz and radians."""

from __future__ import annotations

import math

UNITS: dict[str, tuple[str, ...]] = {
    "ppm": (),
    "Hz": ("field_strength",),
    "rad/s": ("field_strength",),
    "rad": ("field_strength", "echo_time"),
}
"""Units that a field may be in, and what must be known to turn it into ppm."""

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
    """Return the frequency in Hz that a field of 1 ppm makes.

    Parameters
    ----------
    field_strength : float
        B0 in tesla.
    """
    return GAMMA_HZ_PER_T * 1e-6 * field_strength


def radians_per_ppm(field_strength: float, echo_time: float) -> float:
    """Return the phase in radians that a field of 1 ppm makes.

    Parameters
    ----------
    field_strength : float
        B0 in tesla.
    echo_time : float
        In seconds.
    """
    return 2 * math.pi * hz_per_ppm(field_strength) * echo_time


def ppm_per_unit(
    units: str, *, field_strength: float | None = None, echo_time: float | None = None
) -> float:
    """Return what to multiply a field by to have it in ppm of B0.

    Parameters
    ----------
    units : str
        One of ``UNITS``; ``rad`` is phase at ``echo_time``.
    field_strength : float, optional
        B0 in tesla, for all but ppm.
    echo_time : float, optional
        In seconds, for ``rad``.

    Raises
    ------
    ValueError
        If there is no such unit, or what it needs is missing or not positive.
    """
    if units not in UNITS:
        raise ValueError(f"units must be one of {', '.join(UNITS)}, not {units!r}")
    known = {"field_strength": field_strength, "echo_time": echo_time}
    for name in UNITS[units]:
        if not (known[name] or 0) > 0:
            raise ValueError(f"a field in {units} needs {name}, a positive number")
    if field_strength is None or units == "ppm":
        return 1.0
    if units == "rad" and echo_time is not None:
        return 1 / radians_per_ppm(field_strength, echo_time)
    return 1 / (hz_per_ppm(field_strength) * (2 * math.pi if units == "rad/s" else 1))
