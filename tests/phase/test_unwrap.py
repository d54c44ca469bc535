"""Spatial unwrapping."""

from __future__ import annotations

import numpy as np
import pytest

from qsmbids.errors import UsageError
from qsmbids.phase import UNWRAPPING, unwrap
from qsmbids.phase.unwrapping import beside_jump, unwrap_along

METHODS = list(UNWRAPPING)


def ramp(shape=(31, 40, 27)):
    """A smooth phase of several turns, centred near zero."""
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    smooth = 12 * np.exp(-2 * (x * x + y * y)) + 9 * x * y + 4 * z
    return (smooth - np.median(smooth)).astype(np.float32)


def wrap(phase):
    return np.angle(np.exp(1j * phase)).astype(np.float32)


@pytest.mark.parametrize("method", METHODS)
def test_recovers_a_smooth_phase_exactly(method):
    truth = ramp()
    result = unwrap(wrap(truth), method=method, voxel_size=(1, 0.8, 2))
    assert result.dtype == np.float32
    assert np.abs(result - truth).max() < 1e-4


@pytest.mark.parametrize("method", METHODS)
def test_prime_matrix_sizes_and_fine_voxels_are_no_matter(method):
    truth = ramp((61, 73, 19))
    result = unwrap(wrap(truth), method=method, voxel_size=(0.3, 0.3, 1.5))
    assert np.abs(result - truth).max() < 1e-4


@pytest.mark.parametrize("method", METHODS)
def test_noise_outside_the_mask_does_not_matter(method):
    truth = ramp()
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in truth.shape], indexing="ij")
    mask = x * x + y * y + z * z < 0.8
    noise = np.random.default_rng(0).uniform(-np.pi, np.pi, truth.shape)
    result = unwrap(np.where(mask, wrap(truth), noise), mask, method=method)
    turns = (result - truth)[mask] / (2 * np.pi)
    assert np.abs(turns - round(float(np.median(turns)))).max() < 0.01
    assert (result[~mask] == 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_result_is_congruent_even_with_noise(method):
    wrapped = wrap(ramp() + 0.5 * np.random.default_rng(1).standard_normal(ramp().shape))
    turns = (unwrap(wrapped, method=method) - wrapped) / (2 * np.pi)
    assert np.abs(turns - np.round(turns)).max() < 1e-4


def test_parts_that_do_not_touch_are_each_brought_near_zero():
    truth = np.full((20, 10, 10), 0.5, np.float32)
    truth[12:] = 2.9 + np.linspace(0, 1, 8)[:, None, None]
    mask = np.ones(truth.shape, bool)
    mask[9:12] = False
    result = unwrap(wrap(truth), mask)
    assert np.allclose(result[:9], 0.5)
    assert abs(np.median(result[12:])) <= np.pi
    assert np.ptp(result[12:]) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("phase", "mask", "message"),
    [
        (np.zeros((5, 5)), None, "3D"),
        (np.zeros((5, 5, 5)), np.zeros((5, 5, 5)), "empty"),
        (np.full((5, 5, 5), np.nan), None, "NaN"),
        (np.zeros((5, 5, 5)), np.ones((5, 5, 4)), "shape"),
    ],
)
def test_wrong_arguments(phase, mask, message):
    with pytest.raises(ValueError, match=message):
        unwrap(phase, mask)


@pytest.mark.parametrize("patch", [np.s_[12:22, 14:26, 8:18], np.s_[:20, 10:30, 8:20]])
def test_a_guide_that_is_wrong_by_turns_in_a_patch_is_put_right(patch):
    phase = ramp()
    mask = np.ones(phase.shape, bool)
    mask[:3] = mask[-3:] = False
    guide = phase + np.float32(0.6) * np.random.default_rng(0).standard_normal(phase.shape)
    guide[patch] += 2 * np.pi
    wrong = beside_jump(wrap(phase) + 2 * np.pi * np.round((guide - wrap(phase)) / 2 / np.pi), mask)
    given = {"method": "best-path", "voxel_size": (3, 3, 3)}
    found = unwrap_along(wrap(phase), guide.astype(np.float32), mask, wrong, **given)
    np.testing.assert_allclose(found[mask], phase[mask], atol=1e-4)
    assert (found[~mask] == 0).all()


def test_unknown_method():
    with pytest.raises(UsageError, match="best-path"):
        unwrap(ramp(), method="magic")
