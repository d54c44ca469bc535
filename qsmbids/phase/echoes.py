"""From one or more echoes to a line per voxel: unwrapped in space, then in time, then fitted."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Bool, Float
from qsmbids.errors import InputError
from qsmbids.phase.consistency import check_line, doubts_about_magnitude
from qsmbids.phase.fits import Line, wrapped
from qsmbids.phase.phase_methods import FITS
from qsmbids.phase.phasor import smoothed
from qsmbids.phase.readout import readout_offset
from qsmbids.phase.signal_noise import noise_from_magnitude, noise_from_residual
from qsmbids.phase.unwrapping import beside_jump, unwrap, unwrap_along

_CHUNK = 1 << 18  # voxels fitted at a time: bounds the memory
_OFFSET_WIDTH = 3.0  # mm, of the Gaussian that smooths the phase offset


class Voxels:
    """One series cut to the mask's box, and its values at the mask's voxels (echo, voxel)."""

    def __init__(
        self,
        series: Float,
        signal: Float,
        times: Float,
        region: Bool,
        voxel_size: tuple[float, ...],
    ):
        self.times, self.region, self.voxel_size = times, region, voxel_size
        self.phase = np.stack([echo[region] for echo in series])
        self.magnitude = np.stack([echo[region] for echo in signal])
        if not (np.isfinite(self.phase).all() and np.isfinite(self.magnitude).all()):
            raise InputError("The phase or the magnitude holds NaN or infinite values.")
        if not self.magnitude.any():
            raise InputError("The magnitude is zero everywhere in the mask.")
        self.magnitude /= self.magnitude.max()

    def image(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the voxels' values as an image of the box, zero off the mask."""
        result = np.zeros(self.region.shape, dtype=values.dtype)
        result[self.region] = values
        return result


class Fitted(NamedTuple):
    """The fit at the voxels of the mask."""

    line: Line
    residual: Float
    noise: float  # standard deviation of the complex signal, in units of the magnitude
    doubt: Float  # rad/s: half a turn where the unwrapping may be wrong, else zero
    warnings: list[str]


def fit_one(voxels: Voxels, unwrapping: str) -> Fitted:
    """Unwrap the only echo and divide by its time."""
    slope, doubt = _unwrapped_rate(voxels, voxels.phase[0], float(voxels.times[0]), unwrapping)
    zero = np.zeros_like(slope)
    warning = (
        "One echo only: the phase offset of coil and transmitter was taken as zero and stays in"
        " the total field."
    )
    noise = noise_from_magnitude(voxels.image(voxels.magnitude[0]), voxels.region)
    return Fitted(Line(zero, slope), zero, noise, doubt, [warning])


def fit_series(voxels: Voxels, unwrapping: str, fit: str) -> Fitted:
    """Fit a line per voxel to two or more echoes, whose phase must line up in time."""
    times, magnitude = voxels.times, voxels.magnitude
    warnings = doubts_about_magnitude(magnitude)
    offset, bipolar = readout_offset(
        voxels.phase, magnitude, times, voxels.region, partial(_unwrapped, voxels, unwrapping)
    )
    warnings += [bipolar] if bipolar else []
    if offset is not None:
        voxels.phase[1::2] -= offset
    difference, step = _echo_difference(voxels.phase, magnitude, times)
    start, doubt = _unwrapped_rate(voxels, difference, step, unwrapping)
    if step / 3 <= times[0] < 0.75 * step:
        start, doubt = _through_first_echo(voxels, start, doubt, unwrapping)
    line, rest = _fit_lines(voxels, start, fit)
    noise = noise_from_magnitude(voxels.image(magnitude[0]), voxels.region)
    if len(times) == 2:
        warnings.append(
            "Two echoes only: nothing tells whether their phase is linear in time, nor whether the"
            " readout was bipolar; that would add a field linear in space, which the removal of"
            " the background takes away."
        )
        return Fitted(line, np.zeros_like(start), noise, doubt, warnings)
    check_line(rest, magnitude, line.slope, times, noise)
    power = np.einsum("ev,ev->v", magnitude, magnitude)
    chi2 = np.einsum("ev,ev,ev,ev->v", magnitude, magnitude, rest, rest)
    residual = np.sqrt(np.divide(chi2, power, out=np.zeros_like(chi2), where=power > 0))
    noise = noise_from_residual(chi2, len(times) - 2)
    return Fitted(line, residual, noise, doubt, warnings)


def _unwrapped_image(voxels: Voxels, unwrapping: str, phase: Float) -> Float:
    image = voxels.image(phase)
    return unwrap(image, voxels.region, method=unwrapping, voxel_size=voxels.voxel_size)


def _unwrapped(voxels: Voxels, unwrapping: str, phase: Float) -> Float:
    """Return ``phase`` (voxel), which may be outside [-pi, pi], unwrapped in space."""
    return _unwrapped_image(voxels, unwrapping, wrapped(phase))[voxels.region]


def _unwrapped_rate(
    voxels: Voxels, phase: Float, time: float, unwrapping: str
) -> tuple[Float, Float]:
    """Return the unwrapped ``phase`` (voxel) over ``time`` in rad/s, and the doubt about it."""
    return _rate(voxels, _unwrapped_image(voxels, unwrapping, phase), time)


def _rate(voxels: Voxels, image: Float, time: float) -> tuple[Float, Float]:
    region = voxels.region
    doubt = np.where(beside_jump(image, region)[region], np.float32(math.pi / time), np.float32(0))
    return image[region] / np.float32(time), doubt


def _through_first_echo(
    voxels: Voxels, start: Float, doubt: Float, unwrapping: str
) -> tuple[Float, Float]:
    """Return slope and doubt from the first echo where it comes sooner than the echoes follow.

    Field gradients too steep to unwrap over an echo spacing, as beside an air sinus, may not be
    over the first echo time. Its offset is the difference from the line of slope ``start``,
    smoothed so that the places where that line is wrong do not count; where that is not doubtful,
    it tells the turns, too. The result is kept if it leaves fewer doubtful voxels.
    """
    if not doubt.any():
        return start, doubt
    time, phase = voxels.times[0], voxels.phase[0]
    offset = phase - time * start
    trust = np.where(doubt > 0, np.float32(0), voxels.magnitude[0] ** 2)
    width = [_OFFSET_WIDTH / edge for edge in voxels.voxel_size]
    smooth = smoothed(voxels.image(offset), voxels.image(trust), width)[voxels.region]
    image = unwrap_along(
        voxels.image(wrapped(phase - smooth)),
        voxels.image(time * start),
        voxels.region,
        voxels.image(doubt > 0),
        method=unwrapping,
        voxel_size=voxels.voxel_size,
    )
    rate, less = _rate(voxels, image, float(time))
    return (rate, less) if np.count_nonzero(less) < np.count_nonzero(doubt) else (start, doubt)


def _fit_lines(voxels: Voxels, start: Float, fit: str) -> tuple[Line, Float]:
    """Return the lines fitted from the slope ``start``, and the wrapped residual."""
    function = FITS[fit].load()
    offset, slope, rest = np.empty_like(start), np.empty_like(start), np.empty_like(voxels.phase)
    for first in range(0, start.size, _CHUNK):
        part = slice(first, first + _CHUNK)
        phase = voxels.phase[:, part]
        line = function(phase, voxels.magnitude[:, part], voxels.times, start[part])
        offset[part], slope[part] = line
        rest[:, part] = wrapped(line.residual(phase, voxels.times))
    return Line(offset, slope), rest


def _echo_difference(phase: Float, magnitude: Float, times: Float) -> tuple[Float, float]:
    """Return the phase between neighbouring echoes (rad) and the time between them (s).

    All pairs of the shortest spacing are averaged as complex numbers, weighted by the product
    of their magnitudes.
    """
    steps = np.diff(times)
    step = float(steps.min())
    pairs = np.flatnonzero(steps < 1.01 * step)
    real = np.zeros_like(phase[0])
    imaginary = np.zeros_like(phase[0])
    for echo in pairs:
        turn = phase[echo + 1] - phase[echo]
        weight = magnitude[echo + 1] * magnitude[echo]
        real += weight * np.cos(turn)
        imaginary += weight * np.sin(turn)
    return np.arctan2(imaginary, real), float(steps[pairs].mean())
