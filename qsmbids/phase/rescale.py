"""Stored phase values to radians, by rules that are known or proven, never by min and max."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from qsmbids.array_types import Float
from qsmbids.errors import InputError
from qsmbids.phase.scales import Scale, recognise, unit_of

_LEAST_BLANK = 0.01  # of the voxels: less is no mask
_LEAST_SPAN = 0.02  # of a turn: an echo of less is on another scale than the others


class Rescaled(NamedTuple):
    """Phase in radians within [-pi, pi], the rule that gave it, and doubts about it."""

    phase: Float
    rule: str
    warnings: tuple[str, ...] = ()


def to_radians(
    stored: ArrayLike, *, units: str | None = None, manufacturer: str | None = None
) -> Rescaled:
    """Return the phase in radians of the values that a scanner or converter stored.

    Parameters
    ----------
    stored : (x, y, z) or (echo, x, y, z) array_like
        Values after the header's slope and intercept. One rule is found for all echoes.
    units : str, optional
        What the sidecar says: radians, degrees or milliradians. The values must agree.
    manufacturer : str, optional
        What the sidecar says. It lets data that stay well within the manufacturer's own range
        be recognised by it.

    Returns
    -------
    Rescaled
        ``phase`` float32 of the same shape, within [-pi, pi].

    Raises
    ------
    InputError
        If the values are not finite, constant in an echo, or fit no known or proven scale.

    Notes
    -----
    A scale that is not known is accepted only where the data prove it: their ends are joined by
    wraps. Its zero may then be wrong by a constant phase, which no field depends on. Values are
    shifted and multiplied, nothing else: zero and both ends stay what they are. Zeros of a mask
    are left out where the range is looked for, and get phase 0.
    """
    values = np.asarray(stored, dtype=np.float32)
    _check(values)
    series = values if values.ndim == 4 else values[None]
    zeros = _masked_zeros(series)
    unit = unit_of(units)
    image = np.where(zeros, np.float32(np.nan), series) if zeros.any() else series
    found = recognise(image, unit, (manufacturer or "").lower())
    _refuse_other_scales(series, found)
    # A value outside the range by rounding is folded back, not clipped: phase is periodic.
    phase = (values - np.float32(found.centre)) * np.float32(math.pi / found.per_pi)
    _wrap(phase)
    if zeros.any():
        phase[zeros.reshape(phase.shape)] = 0
    low, high = float(np.nanmin(image)), float(np.nanmax(image))
    rule = f"Phase values from {low:.6g} to {high:.6g} were read as {found.name}"
    if zeros.any() and found.centre not in (0, found.high):
        rule += "; voxels of value 0 were taken as masked and given phase 0"
    return Rescaled(phase, f"{rule}.", _doubts(found, unit, low, high))


def from_real_imaginary(real: ArrayLike, imaginary: ArrayLike) -> tuple[Float, Float]:
    """Return magnitude and phase (radians) of a complex image given by its two parts.

    Parameters
    ----------
    real, imaginary : array_like
        Of one shape, in any common unit.

    Raises
    ------
    InputError
        If the shapes differ, a value is not finite, or both parts have no values below zero.
    """
    re = np.asarray(real, dtype=np.float32)
    im = np.asarray(imaginary, dtype=np.float32)
    if re.shape != im.shape:
        raise InputError(f"The real part's shape {re.shape} is not the imaginary's {im.shape}.")
    if not (np.isfinite(re).all() and np.isfinite(im).all()):
        raise InputError("The real or the imaginary part holds NaN or infinite values.")
    if re.min() >= 0 and im.min() >= 0:
        raise InputError(
            "Neither the real nor the imaginary part has a value below zero: they are stored with "
            "an offset, or are no such parts; export them with their sign."
        )
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


def _masked_zeros(series: Float) -> NDArray[np.bool_]:
    """Return the voxels (echo, x, y, z) that a mask has set to zero, of a scale that begins there.

    Zero is also an honest value, even that of pi: a mask's zeros lie together, and there are many
    of them. On a scale whose middle is zero they need no care.
    """
    zero: NDArray[np.bool_] = series == 0
    if series.min() < 0 or np.count_nonzero(zero) < _LEAST_BLANK * zero.size:
        return np.zeros_like(zero)
    # The image goes on beyond its edges, for else the mask would end before them.
    cross = ndimage.generate_binary_structure(3, 1)
    masked = []
    for echo in zero:
        wide = np.pad(echo, 1, mode="edge")
        core = (slice(1, -1),) * 3
        masked.append(ndimage.binary_opening(wide, cross, border_value=0)[core])
    return np.stack(masked)


def _refuse_other_scales(series: Float, found: Scale) -> None:
    """Raise InputError if an echo hardly varies on the scale of the series."""
    for number, echo in enumerate(series, 1):
        span = float(np.ptp(echo))
        if len(series) > 1 and span < _LEAST_SPAN * 2 * found.per_pi:
            raise InputError(
                f"The phase of echo {number} spans {span:.4g}, that of all echoes "
                f"{float(np.ptp(series)):.6g}: they are on different scales; convert them alike."
            )


def _wrap(phase: Float) -> None:
    """Fold phase into [-pi, pi] in place; values already there are not touched."""
    outside = np.abs(phase) > np.float32(math.pi)
    turns: Any = np.float32(2 * math.pi)
    phase[outside] -= turns * np.round(phase[outside] / turns)


def _doubts(found: Scale, unit: str, low: float, high: float) -> tuple[str, ...]:
    if not unit or found.unit == unit:
        return ()
    return (
        f"The sidecar says that the phase is in {unit}, but its values from {low:.6g} to "
        f"{high:.6g} are not: they were read as {found.name}. Correct Units in the sidecar.",
    )
