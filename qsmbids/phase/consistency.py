"""Whether the echoes line up in time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qsmbids.array_types import Float
from qsmbids.errors import InputError
from qsmbids.phase.fits import linear_fit, wrapped

_MOST_RESIDUAL = 0.5  # of what unrelated phases leave, whatever the noise
_SUSPECT_RESIDUAL = 0.28  # the same, where the noise does not explain it
_MOST_NOISES = 4.0
_MOST_SHIFT = 0.1  # of the shortest echo spacing
_LEAST_EXPLAINED = 0.3


def check_echo_times(echo_times: Sequence[float]) -> Float:
    """Return echo times in seconds as float32, or raise InputError if they cannot be right."""
    times = np.asarray(echo_times, dtype=np.float32).reshape(-1)
    shown = ", ".join(f"{t:g}" for t in times)
    if times.size == 0 or not np.isfinite(times).all() or times.min() <= 0:
        raise InputError(f"Echo times must be positive numbers of seconds, not: {shown}.")
    if times.max() > 1:
        raise InputError(f"Echo times of {shown} s are too long; they must be in seconds.")
    if len(set(times.tolist())) < times.size:
        raise InputError(f"Two echoes have the same echo time ({shown} s); an EchoTime is wrong.")
    return times


def doubts_about_magnitude(magnitude: Float) -> list[str]:
    """Return a warning if the magnitude (echo, voxel) grows from the first to the last echo.

    It is no proof: some exports scale each echo by itself. Phase cannot tell, since echoes in
    reverse order fit a line as well as echoes in order.
    """
    first, last = float(np.median(magnitude[0])), float(np.median(magnitude[-1]))
    if last <= 1.05 * first:
        return []
    return [
        f"The last echo's magnitude is {last / first:.2f} times the first's; the echoes may be in"
        " the wrong order."
    ]


def check_line(residual: Float, magnitude: Float, slope: Float, times: Float, noise: float) -> None:
    """Raise InputError if the phase does not grow in proportion to the echo times.

    Parameters
    ----------
    residual : (echo, voxel) float32 array
        Wrapped phase minus the fitted line, in radians.
    magnitude : (echo, voxel) float32 array
    slope : (voxel,) float32 array
        The line's slope in rad/s.
    times : (echo,) float32 array
        In seconds.
    noise : float
        Standard deviation of the magnitude's noise.

    Notes
    -----
    Two signs are looked for in the voxels of good signal. Echoes that do not belong together
    leave as much as random phases do. An echo with a wrong time leaves a residual in
    proportion to the slope, and the factor is a time.
    """
    power = np.einsum("ev,ev->v", magnitude, magnitude)
    good = power >= np.median(power[power > 0])
    rest, signal = residual[:, good], magnitude[:, good]
    typical = float(np.median(np.sqrt((signal**2 * rest**2).sum(0) / power[good])))
    expected = noise * float(np.sqrt((len(times) - 2) / np.median(power[good])))
    share = typical / _residual_of_random_phase(times)
    suspect = share > _SUSPECT_RESIDUAL and typical > _MOST_NOISES * expected
    if share > _MOST_RESIDUAL or suspect or _follows_slope(rest, slope[good], times):
        shown = ", ".join(f"{1000 * t:.4g}" for t in times)
        raise InputError(
            f"The phase of the echoes does not grow in proportion to the echo times {shown} ms"
            f" (typical residual {typical:.2f} rad); the order of the echoes, an EchoTime or the"
            " scale of the phase is wrong."
        )


def _follows_slope(rest: Float, slope: Float, times: Float) -> bool:
    """Tell whether the residual of an echo is a time, not a small one, multiplied by the slope."""
    rate = slope - np.median(slope)
    low, high = np.percentile(rate, (2, 98))
    rest, rate = rest[:, (rate >= low) & (rate <= high)], rate[(rate >= low) & (rate <= high)]
    rest = rest - np.median(rest, axis=1, keepdims=True)
    power_of_rate = float(rate @ rate)
    if power_of_rate == 0:
        return False
    shift = rest @ rate / power_of_rate
    explained = shift**2 * power_of_rate / np.maximum((rest**2).sum(1), 1e-12)
    wrong = (np.abs(shift) > _MOST_SHIFT * np.diff(times).min()) & (explained > _LEAST_EXPLAINED)
    return bool(wrong.any())


def _residual_of_random_phase(times: Float) -> float:
    """Return the median residual (rad) of a fit to phases that have nothing to do with time."""
    random = np.random.default_rng(0)
    shape = len(times), 2000
    phase = random.uniform(-np.pi, np.pi, shape).astype(np.float32)
    step = wrapped(phase[1] - phase[0]) / (times[1] - times[0])
    line = linear_fit(phase, np.ones(shape, np.float32), times, step)
    return float(np.median(np.sqrt(np.mean(wrapped(line.residual(phase, times)) ** 2, axis=0))))
