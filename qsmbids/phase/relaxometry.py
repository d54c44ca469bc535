"""R2*, T2* and S0 from the decay of the magnitude."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qsmbids.array_types import Float

MAX_R2STAR = 500.0
"""Largest R2* in 1/s that is reported: faster decays leave no second echo to measure."""

_CHUNK = 1 << 18
_PASSES = 2


class Decay(NamedTuple):
    """Maps (x, y, z) float32, zero off the mask: R2* in 1/s, T2* in s, S0 in magnitude units."""

    r2star: Float
    t2star: Float
    s0: Float


def fit_decay(magnitude: ArrayLike, echo_times: Sequence[float], mask: ArrayLike) -> Decay:
    """Fit S0 exp(-R2* TE) to the magnitude of two or more echoes.

    Parameters
    ----------
    magnitude : (echo, x, y, z) array_like
    echo_times : (echo,) sequence of float
        In seconds, in any order.
    mask : (x, y, z) array_like
        Where to fit.

    Returns
    -------
    Decay
        R2* is held within 0 and `MAX_R2STAR`. T2* is 1 / R2*, and zero where R2* is zero: the
        magnitude does not decay there, so that T2* is undefined.

    Raises
    ------
    ValueError
        If there are fewer than two echoes, or shapes or echo times do not agree.

    Notes
    -----
    Weighted log-linear least squares. The weights are the squared signal, at first as measured
    and then as predicted by the fit, which removes the bias that noisy weights bring.

    References
    ----------
    Veraart et al., NeuroImage 81:335 (2013), for the reweighting.
    """
    series = np.asarray(magnitude, dtype=np.float32)
    inside = np.asarray(mask) != 0
    times = np.asarray(echo_times, dtype=np.float32)
    if series.ndim != 4 or len(series) < 2:
        raise ValueError(f"R2* takes two echoes or more, not a magnitude of shape {series.shape}")
    if inside.shape != series.shape[1:] or times.shape != (len(series),):
        raise ValueError("magnitude, mask and echo times do not agree in shape")
    if len(set(times.tolist())) < times.size:
        raise ValueError("two echoes have the same echo time")
    signal = np.stack([echo[inside] for echo in series])
    r2star, s0 = np.empty_like(signal[0]), np.empty_like(signal[0])
    for first in range(0, r2star.size, _CHUNK):
        part = slice(first, first + _CHUNK)
        r2star[part], s0[part] = _fit(signal[:, part], times)
    t2star = np.divide(1, r2star, out=np.zeros_like(r2star), where=r2star > 0)
    return Decay(*(_image(values, inside) for values in (r2star, t2star, s0)))


def _fit(signal: Float, times: Float) -> tuple[Float, Float]:
    """Return R2* and S0 of ``signal`` (echo, voxel)."""
    present = (signal > 0).all(0)
    top = np.maximum(signal.max(0), np.float32(1e-30))
    scaled = np.where(present, signal / top, np.float32(1))
    logs = np.log(scaled)
    model = scaled
    for _ in range(1 + _PASSES):
        rate = -_slope(logs, model * model, times)
        rate = np.clip(rate, 0, MAX_R2STAR)
        model = np.exp(-times[:, None] * rate)
    rate[~present] = 0
    model[:, ~present] = 1
    # The best S0 for this R2*, in the signal itself rather than its logarithm.
    s0 = np.einsum("ev,ev->v", signal, model) / np.einsum("ev,ev->v", model, model)
    return rate, s0


def _slope(values: Float, weights: Float, times: Float) -> Float:
    total = weights.sum(0)
    centred = times[:, None] - (times @ weights) / total
    top = np.einsum("ev,ev,ev->v", weights, centred, values)
    bottom = np.einsum("ev,ev,ev->v", weights, centred, centred)
    result: Float = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
    return result


def _image(values: Float, inside: NDArray[np.bool_]) -> Float:
    result = np.zeros(inside.shape, dtype=np.float32)
    result[inside] = values
    return result
