"""R2*, T2* and S0."""

from __future__ import annotations

import numpy as np
import pytest

from qsmbids.phase import fit_decay
from qsmbids.phase.relaxometry import MAX_R2STAR

TIMES = (0.004, 0.012, 0.020, 0.028)
SHAPE = (20, 21, 22)
ALL = np.ones(SHAPE, bool)


def decay(r2star, s0=1000.0, snr=0.0, times=TIMES, seed=0):
    clean = np.array([s0 * np.exp(-t * r2star) * np.ones(SHAPE) for t in times])
    if snr == 0:
        return clean
    noise = np.random.default_rng(seed).standard_normal((2, *clean.shape)) * s0 / snr
    return np.hypot(clean + noise[0], noise[1])


@pytest.mark.parametrize("times", [(0.005, 0.02), (0.003, 0.008, 0.02), TIMES])
def test_exact_without_noise(times):
    truth = np.random.default_rng(0).uniform(5, 150, SHAPE)
    result = fit_decay(decay(truth, times=times), times, ALL)
    assert all(a.dtype == np.float32 for a in result)
    assert np.allclose(result.r2star, truth, rtol=1e-3)
    assert np.allclose(result.t2star, 1 / truth, rtol=1e-3)
    assert np.allclose(result.s0, 1000, rtol=1e-3)


@pytest.mark.parametrize("r2star", [15.0, 40.0, 90.0])
def test_precision_and_bias_at_a_realistic_noise(r2star):
    result = fit_decay(decay(r2star, snr=100), TIMES, ALL)
    times = np.array(TIMES)
    weights = np.exp(-2 * times * r2star)
    spread = np.sum(weights * (times - np.average(times, weights=weights)) ** 2)
    bound = 0.01 / np.sqrt(spread)  # Cramer-Rao
    assert np.std(result.r2star) < 1.1 * bound
    assert abs(np.median(result.r2star) - r2star) < 0.15 * bound + 0.01 * r2star
    assert np.median(result.s0) == pytest.approx(1000, rel=0.01)


def test_limits():
    growing = decay(-20.0)
    result = fit_decay(growing, TIMES, ALL)
    assert (result.r2star == 0).all()
    assert (result.t2star == 0).all()
    assert np.allclose(result.s0, np.mean(growing[:, 0, 0, 0]), rtol=1e-3)
    fast = fit_decay(decay(2000.0), TIMES, ALL)
    assert np.allclose(fast.r2star, MAX_R2STAR)
    assert np.isfinite(fast.s0).all()


def test_dead_voxels_and_the_mask():
    signal = decay(30.0)
    signal[:, 3] = 0
    signal[2, 4] = 0
    mask = ALL.copy()
    mask[:2] = False
    result = fit_decay(signal, TIMES, mask)
    assert (result.r2star[:2] == 0).all()
    assert (result.r2star[3] == 0).all()
    assert all(np.isfinite(a).all() for a in result)
    assert np.allclose(result.r2star[5:], 30, rtol=1e-3)


@pytest.mark.parametrize(
    ("signal", "times", "mask"),
    [
        (np.ones((1, *SHAPE)), (0.01,), ALL),
        (np.ones(SHAPE), (0.01,), ALL),
        (np.ones((2, *SHAPE)), (0.01, 0.02), ALL[1:]),
        (np.ones((2, *SHAPE)), (0.02, 0.02), ALL),
        (np.ones((2, *SHAPE)), (0.02,), ALL),
    ],
)
def test_wrong_arguments(signal, times, mask):
    with pytest.raises(ValueError, match=r"echo|shape"):
        fit_decay(signal, times, mask)


def test_echoes_may_come_in_any_order():
    signal = 100 * np.exp(-30 * np.array(TIMES)).reshape(-1, 1, 1, 1) * np.ones(SHAPE)
    result = fit_decay(signal[::-1], TIMES[::-1], ALL)
    assert np.allclose(result.r2star, 30, rtol=1e-3)
    assert np.allclose(result.s0, 100, rtol=1e-3)
