"""The scales on which scanners and converters store phase, and which of them an image is on."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from qsmbids.array_types import Float
from qsmbids.errors import InputError
from qsmbids.phase.wraps import like_magnitude, wraps

_REACH = 0.02  # share of the full range by which the data may miss either end of a known range
_REACH_LOOSE = 0.15  # the same where the sidecar or the manufacturer speaks for that range
_OVERSHOOT = 0.005  # interpolation and rounding may leave the range by so much
_ONE = 1e-3  # by which a range that was normalised to 1 may miss it


class Scale(NamedTuple):
    """A range of values, which of them is zero phase, and how many make half a turn."""

    low: float
    high: float
    centre: float
    per_pi: float
    name: str
    unit: str = ""  # what a sidecar calls it
    maker: str = ""  # the manufacturer known to write it


_TURN = 2 * math.pi
KNOWN = (
    Scale(-math.pi, math.pi, 0, math.pi, "radians from -pi to pi", "rad"),
    Scale(0, _TURN, _TURN, math.pi, "radians from 0 to 2 pi", "rad"),
    Scale(0, 4095, 2048, 2048, "the range 0 to 4095 (4096 levels, 2048 is zero)", "", "siemens"),
    Scale(-4096, 4095, 0, 4096, "the range -4096 to 4095 (4096 is pi)", "", "siemens"),
    Scale(-2048, 2047, 0, 2048, "the range -2048 to 2047 (2048 is pi)", "", "siemens"),
    Scale(-3142, 3142, 0, 1000 * math.pi, "milliradians", "mrad", "ge"),
    Scale(0, 6283, 1000 * _TURN, 1000 * math.pi, "milliradians from 0 to 6283", "mrad"),
    Scale(-180, 180, 0, 180, "degrees", "deg"),
    Scale(0, 360, 360, 180, "degrees from 0 to 360", "deg"),
    Scale(0, 65535, 32768, 32768, "the range 0 to 65535 (16 bits without sign, 32768 is zero)"),
    Scale(-32768, 32767, 0, 32768, "the range -32768 to 32767 (32768 is pi)"),
)
_UNITS = {
    **dict.fromkeys(("rad", "radian", "radians"), "rad"),
    **dict.fromkeys(("deg", "degree", "degrees"), "deg"),
    **dict.fromkeys(("mrad", "milliradian", "milliradians"), "mrad"),
}
_MAGNITUDE = (
    "no value is below zero and nothing wraps, as in a magnitude; give the phase image, or, where "
    'it is one, convert it to radians and write "Units": "rad" in its sidecar'
)
_CONVERT = 'convert the phase to radians and write "Units": "rad" in its sidecar'


def unit_of(text: str | None) -> str:
    """Return ``rad``, ``deg`` or ``mrad`` for what a sidecar states, or an empty text."""
    return _UNITS.get((text or "").strip().lower(), "")


def recognise(values: Float, unit: str, maker: str) -> Scale:
    """Return the scale of an image.

    Parameters
    ----------
    values : (echo, x, y, z) float32 array
        As stored; NaN where there is no image.
    unit : str
        As `unit_of` returns it.
    maker : str
        The manufacturer, in lower case.

    Raises
    ------
    InputError
        If the values fit no known scale and prove none.

    Notes
    -----
    In this order: what the sidecar states, if both ends are nearly reached; a known range whose
    ends are reached; a range whose ends are joined by wraps, whatever it is; the range of the
    manufacturer; what the sidecar states, of values that stay well inside it.
    """
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    proven = wraps(values)
    if low >= 0 and not proven and like_magnitude(values[~np.isnan(values)], low, high):
        raise InputError(f"The phase values span {low:.6g} to {high:.6g}: {_MAGNITUDE}.")
    claimed = [known for known in KNOWN if unit and known.unit == unit]
    for known, reach in (
        *((one, _REACH_LOOSE) for one in claimed),
        *((one, _REACH) for one in KNOWN),
    ):
        if _fits(known, low, high, reach):
            return known
    if proven:
        return _proven(values, low, high)
    for known in KNOWN:
        own = bool(known.maker) and maker.startswith(known.maker)
        if own and _fits(known, low, high, _REACH_LOOSE):
            return known
    # Masked or short-echo phase need not come near pi; a unit that is stated is then believed.
    for known in claimed:
        if _inside(known, low, high) and low < 0 < high and not _normalised(low, high):
            return known
    raise InputError(_refusal(low, high, unit))


def _fits(known: Scale, low: float, high: float, reach: float) -> bool:
    full = known.high - known.low
    within = low >= known.low - _OVERSHOOT * full and high <= known.high + _OVERSHOOT * full
    return within and low <= known.low + reach * full and high >= known.high - reach * full


def _inside(known: Scale, low: float, high: float) -> bool:
    full = known.high - known.low
    slack = _OVERSHOOT * full
    return known.low - slack <= low and high <= known.high + slack and high - low > 0.015 * full


def _normalised(low: float, high: float) -> bool:
    """Tell whether a range ends at 1, and at -1 or 0: that is no range of a phase in radians."""
    return abs(high - 1) < _ONE and min(abs(low), abs(low + 1)) < _ONE


def _proven(values: Float, low: float, high: float) -> Scale:
    """Return the scale whose turn is the range, plus one step where values are whole levels."""
    top = max(-low, high)
    if min(-low, high) > 0.99 * top:
        return Scale(-top, top, 0, top, f"a scale on which {top:.7g} is pi, proven by its wraps")
    turn = high - low + _step(values)
    name = f"a scale on which a turn is {turn:.7g}, proven by its wraps"
    return Scale(low, high, low + turn / 2, turn / 2, name)


def _step(values: Float) -> float:
    """Return the distance between levels, zero where values are no whole numbers."""
    some = np.unique(values.reshape(-1)[:: max(1, values.size // 100_000)])
    some = some[~np.isnan(some)]
    return float(np.diff(some).min()) if some.size > 1 and (some == np.round(some)).all() else 0.0


def _refusal(low: float, high: float, unit: str) -> str:
    text = f"The phase values span {low:.6g} to {high:.6g}"
    said = f" (the sidecar says {unit})" if unit else ""
    if unit and not any(_inside(known, low, high) for known in KNOWN if known.unit == unit):
        return (
            f"{text}{said}, which is more than a turn, and no wraps show what a turn is: unwrapped "
            "or wrongly scaled phase cannot be used; export it wrapped, as the scanner makes it."
        )
    return f"{text}{said}, which is no scale that is known or that wraps would prove; {_CONVERT}."
