"""Straight lines through the phase of several echoes, voxel by voxel.

Everything works on lists of voxels: arrays of shape (echo, voxel).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from qsmbids.array_types import Float

_TURN = np.float32(2 * math.pi)


class Line(NamedTuple):
    """A line per voxel: ``offset`` (rad) + ``slope`` (rad/s) * echo time."""

    offset: Float
    slope: Float

    def residual(self, phase: Float, times: Float) -> Float:
        """Return phase - line, (echo, voxel), not wrapped."""
        return phase - self.offset - times[:, None] * self.slope


def weighted_line(values: Float, weights: Float, times: Float) -> Line:
    """Fit a line to ``values`` (echo, voxel) by weighted least squares, in closed form.

    Times are centred per voxel, which keeps the sums exact in float32. A voxel whose weights
    are all zero gets the unweighted line.
    """
    total = weights.sum(0)
    weights = np.where(total > 0, weights, np.float32(1))
    total = weights.sum(0)
    mean_time = (times @ weights) / total
    mean = np.einsum("ev,ev->v", weights, values) / total
    centred = times[:, None] - mean_time
    spread = np.einsum("ev,ev,ev->v", weights, centred, centred)
    slope = np.einsum("ev,ev,ev->v", weights, centred, values)
    slope = np.divide(slope, spread, out=np.zeros_like(slope), where=spread > 0)
    return Line(mean - slope * mean_time, slope)


def unwrap_in_time(phase: Float, weights: Float, times: Float, slope: Float) -> Float:
    """Return ``phase`` (echo, voxel) with the turns of 2 pi that put it nearest to a line.

    Each echo is predicted by the line through the echoes before it, whose slope grows more
    precise from echo to echo; the second by ``slope`` (rad/s) alone.
    """
    flat = phase.copy()
    for echo in range(1, len(times)):
        if echo >= 3:
            slope = weighted_line(flat[:echo], weights[:echo], times[:echo]).slope
        step = times[echo] - times[echo - 1]
        predicted = flat[echo - 1] + step * slope
        flat[echo] = nearest(flat[echo], predicted)
    return flat


def nearest(phase: Float, predicted: Float) -> Float:
    """Return ``phase`` (rad) with the turns of 2 pi that put it nearest to what was predicted."""
    turns: Float = np.round((predicted - phase) / _TURN)
    return phase + _TURN * turns


def linear_fit(phase: Float, magnitude: Float, times: Float, slope: Float) -> Line:
    """Fit the phase, unwrapped in time, with weights magnitude^2 (its inverse variance).

    Parameters
    ----------
    phase, magnitude : (echo, voxel) float32 array
        Wrapped phase in radians; magnitude in any unit.
    times : (echo,) float32 array
        Echo times in seconds.
    slope : (voxel,) float32 array
        A first estimate in rad/s, right to less than pi per echo spacing.

    References
    ----------
    Robinson et al., NMR Biomed 30:e3601 (2017).
    """
    weights = magnitude * magnitude
    return weighted_line(unwrap_in_time(phase, weights, times, slope), weights, times)


def nonlinear_fit(
    phase: Float, magnitude: Float, times: Float, slope: Float, *, iterations: int = 20
) -> Line:
    r"""Fit the complex signal by Gauss-Newton, started from `linear_fit`.

    It minimises :math:`\sum_e m_e^2 |e^{i\phi_e} - e^{i(\phi_0 + \omega t_e)}|^2`, in which
    wraps play no part. The derivative along the signal's phase makes each step the weighted
    line fit of the sine of the residual.

    References
    ----------
    Liu et al., Magn Reson Med 69:467 (2013), eq. 5, without the spatial terms.
    """
    weights = magnitude * magnitude
    line = linear_fit(phase, magnitude, times, slope)
    for _ in range(iterations):
        step = weighted_line(np.sin(line.residual(phase, times)), weights, times)
        line = Line(line.offset + step.offset, line.slope + step.slope)
        largest = np.abs(step.offset) + np.abs(step.slope) * times[-1]
        if np.count_nonzero(largest > 1e-3) < 1e-3 * largest.size:
            break
    return line


def wrapped(phase: Float) -> Float:
    """Return phase folded into [-pi, pi]."""
    turns: Float = np.round(phase / _TURN)
    return phase - _TURN * turns
