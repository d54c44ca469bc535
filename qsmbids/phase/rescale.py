"""Stored phase values to radians, by rules that are known or proven, never by min and max."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qsmbids.errors import InputError

Float = NDArray[np.float32]

_REACH = 0.02  # share of the full range by which the data may miss either end of a known range
_REACH_MAKER = 0.15  # the same where the manufacturer is the one known to write that range
_OVERSHOOT = 0.005  # interpolation and rounding may leave the range by so much
_LEAST_WRAPS = 20
_CALM = 0.15  # of the full range: neighbours in tissue seldom differ by more


class Rescaled(NamedTuple):
    """Phase in radians within [-pi, pi], and the rule that gave it, as a sentence."""

    phase: Float
    rule: str


class _Range(NamedTuple):
    low: float
    high: float
    centre: float
    per_pi: float
    name: str
    maker: str = ""


_RADIANS = _Range(-math.pi, math.pi, 0, math.pi, "radians from -pi to pi")
_TURN = _Range(0, 2 * math.pi, math.pi * 2, math.pi, "radians from 0 to 2 pi")
_KNOWN = (
    _RADIANS,
    _TURN,
    _Range(0, 4095, 2048, 2048, "the range 0 to 4095 (4096 levels, 2048 is zero)", "siemens"),
    _Range(-4096, 4095, 0, 4096, "the range -4096 to 4095 (4096 is pi)", "siemens"),
    _Range(-2048, 2047, 0, 2048, "the range -2048 to 2047 (2048 is pi)", "siemens"),
    _Range(-3142, 3142, 0, 1000 * math.pi, "milliradians", "ge"),
)


def to_radians(
    stored: ArrayLike, *, units: str | None = None, manufacturer: str | None = None
) -> Rescaled:
    """Return the phase in radians of the values that a scanner or converter stored.

    Parameters
    ----------
    stored : (x, y, z) or (echo, x, y, z) array_like
        Values after the header's slope and intercept. One rule is found for all echoes.
    units : {"rad", "arbitrary"}, optional
        What the sidecar says. A claim of radians is checked against the values.
    manufacturer : str, optional
        What the sidecar says. It lets data that stay well within the manufacturer's own range
        be recognised by it.

    Returns
    -------
    Rescaled
        ``phase`` float32 of the same shape, within [-pi, pi]; ``rule`` a sentence.

    Raises
    ------
    InputError
        If the values are not finite, constant in an echo, or fit no known or proven scale.

    Notes
    -----
    A symmetric scale that is not in the list is accepted only where the data prove it: they
    reach both of its ends, and neighbouring voxels jump by the whole range far more often than
    by a little less, as they do where a phase wraps and nowhere else.
    """
    values = np.asarray(stored, dtype=np.float32)
    _check(values)
    low, high = float(values.min()), float(values.max())
    found = _recognise(values, low, high, units, (manufacturer or "").lower())
    blank = _masked_zeros(values, found)
    # A value outside the range by rounding is folded back, not clipped: phase is periodic.
    phase = (values - np.float32(found.centre)) * np.float32(math.pi / found.per_pi)
    _wrap(phase)
    phase[blank] = 0
    return Rescaled(phase, _sentence(found, units, low, high, bool(blank.any())))


def from_real_imaginary(real: ArrayLike, imaginary: ArrayLike) -> tuple[Float, Float]:
    """Return magnitude and phase (radians) of a complex image given by its two parts.

    Parameters
    ----------
    real, imaginary : array_like
        Of one shape, in any common unit.

    Raises
    ------
    InputError
        If the shapes differ or a value is not finite.
    """
    re = np.asarray(real, dtype=np.float32)
    im = np.asarray(imaginary, dtype=np.float32)
    if re.shape != im.shape:
        raise InputError(f"The real part's shape {re.shape} is not the imaginary's {im.shape}.")
    if not (np.isfinite(re).all() and np.isfinite(im).all()):
        raise InputError("The real or the imaginary part holds NaN or infinite values.")
    return np.hypot(re, im), np.arctan2(im, re)


def _check(values: Float) -> None:
    if values.size == 0 or values.ndim not in (3, 4):
        raise InputError(f"The phase has shape {values.shape}; a 3D image per echo is needed.")
    if not np.isfinite(values).all():
        raise InputError("The phase holds NaN or infinite values; convert it again from DICOM.")
    for number, echo in enumerate(values if values.ndim == 4 else values[None], 1):
        first = echo.flat[0]
        if (echo == first).all():
            raise InputError(
                f"The phase of echo {number} is {first:g} in every voxel; it holds no image."
            )


def _recognise(values: Float, low: float, high: float, units: str | None, maker: str) -> _Range:
    if units == "rad":
        for known in (_RADIANS, _TURN):
            if _fits(known, low, high, _REACH):
                return known
    for known in _KNOWN:
        own = bool(known.maker) and maker.startswith(known.maker)
        if _fits(known, low, high, _REACH_MAKER if own else _REACH):
            return known
    top = max(-low, high)
    if min(-low, high) > 0.99 * top and _wraps_at(values, high - low):
        return _Range(-top, top, 0, top, f"a scale on which {top:.7g} is pi, proven by its wraps")
    # Masked or short-echo phase need not come near pi; radians claimed are then believed.
    inside = _RADIANS.low - 0.02 <= low and high <= _RADIANS.high + 0.02
    if units == "rad" and inside and high - low > 0.1:
        return _RADIANS
    raise InputError(
        f"The phase values span {low:.6g} to {high:.6g}, which is no scale that is known"
        f"{' (the sidecar says radians)' if units == 'rad' else ''}; convert the phase to"
        ' radians and write "Units": "rad" in its sidecar.'
    )


def _fits(known: _Range, low: float, high: float, reach: float) -> bool:
    full = known.high - known.low
    within = low >= known.low - _OVERSHOOT * full and high <= known.high + _OVERSHOOT * full
    return within and low <= known.low + reach * full and high >= known.high - reach * full


def _wraps_at(values: Float, full: float) -> bool:
    """Tell whether jumps between neighbours pile up at the full range, as wraps do.

    Counted are jumps between voxels that differ little from their other neighbours on the same
    line. In noise such jumps are rarer the larger they are; a smooth image has none. Only a
    wrapped phase has a second peak at the full range.
    """
    most = middle = 0
    for axis in range(-3, 0):
        jumps = np.abs(np.diff(np.moveaxis(values, axis, -1), axis=-1)) / np.float32(full)
        calm = (jumps[..., :-2] < _CALM) & (jumps[..., 2:] < _CALM)
        between = jumps[..., 1:-1][calm]
        most += int(np.count_nonzero(between > 0.8))
        middle += int(np.count_nonzero((between > 0.6) & (between <= 0.8)))
    return most >= _LEAST_WRAPS and most > middle


def _masked_zeros(values: Float, found: _Range) -> NDArray[np.bool_]:
    """Return the voxels that were set to zero by a mask, where zero is not the centre.

    On a scale that begins at 0, zero is also an honest value; it is a mask's when it is many
    times as frequent as its share of an evenly filled scale.
    """
    zero: NDArray[np.bool_] = values == 0
    if found.centre == 0 or np.count_nonzero(zero) < 0.01 * values.size:
        return np.zeros_like(zero)
    return zero


def _wrap(phase: Float) -> None:
    """Fold phase into [-pi, pi] in place; values already there are not touched."""
    outside = np.abs(phase) > np.float32(math.pi)
    turns: Any = np.float32(2 * math.pi)
    phase[outside] -= turns * np.round(phase[outside] / turns)


def _sentence(found: _Range, units: str | None, low: float, high: float, blank: bool) -> str:
    text = f"Phase values from {low:.6g} to {high:.6g} were read as {found.name}"
    if units == "rad" and found not in (_RADIANS, _TURN):
        text += ", although the sidecar says radians"
    if blank:
        text += "; voxels of value 0 were taken as masked and given phase 0"
    return text + "."
