"""Stored phase values to radians."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsmbids.errors import InputError
from qsmbids.phase import from_real_imaginary, to_radians


@pytest.fixture(scope="module")
def truth():
    """Two echoes of a wrapped phase with a little noise, within (-pi, pi)."""
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, 24)] * 3, indexing="ij")
    smooth = 5 * x + 4 * y * y - 3 * z
    rng = np.random.default_rng(0)
    echoes = [te * smooth + 0.05 * rng.standard_normal(smooth.shape) for te in (1, 2)]
    return np.angle(np.exp(1j * np.array(echoes))).astype(np.float32)


def apart(a, b):
    return np.abs(np.angle(np.exp(1j * (np.asarray(a, float) - b)))).max()


@pytest.mark.parametrize(
    ("encode", "step"),
    [
        (lambda p: p, 0),
        (lambda p: p % (2 * np.pi), 0),
        (lambda p: np.floor((p / np.pi + 1) * 2048), np.pi / 2048),
        (lambda p: np.floor(p / np.pi * 2048) * 2, np.pi / 2048),
        (lambda p: np.floor(p / np.pi * 2048), np.pi / 2048),
        (lambda p: np.round(p * 1000), 0.001),
    ],
    ids=["pi", "turn", "0..4095", "-4096..4094", "-2048..2047", "milliradians"],
)
@pytest.mark.parametrize("units", [None, "arbitrary", "rad"])
def test_known_scales(truth, encode, step, units):
    phase, rule = to_radians(encode(truth.astype(float)), units=units)
    assert phase.dtype == np.float32
    assert np.abs(phase).max() <= np.float32(np.pi)
    assert apart(phase, truth) < step * 1.01 + 1e-5
    claimed_wrongly = units == "rad" and step > 0
    assert ("although the sidecar says radians" in rule) == claimed_wrongly


@given(scale=st.floats(1e-4, 1e5))
def test_unknown_symmetric_scale_is_proven_by_its_wraps(truth, scale):
    known = (np.pi, 2048, 4096, 1000 * np.pi)
    top = np.abs(truth).max()
    if any(abs(scale * top / k - 1) < 0.1 for k in known):
        return
    phase, rule = to_radians(truth * np.float32(scale))
    assert apart(phase, truth) < 0.02
    assert "proven by its wraps" in rule


def test_smooth_symmetric_values_are_no_phase_scale(truth):
    x = np.linspace(-7, 7, 24)[:, None, None] + np.zeros((24, 24, 24))
    with pytest.raises(InputError, match="no scale that is known"):
        to_radians(x)


def test_noise_alone_proves_nothing():
    noise = np.random.default_rng(0).uniform(-7, 7, (24, 24, 24))
    with pytest.raises(InputError, match="no scale that is known"):
        to_radians(noise)


def test_wraps_show_through_the_noise_of_air(truth):
    noisy = np.pad(truth, ((0, 0), (8, 8), (8, 8), (0, 0)))
    air = np.random.default_rng(0).uniform(-np.pi, np.pi, noisy.shape)
    noisy = np.where(noisy == 0, air, noisy)
    assert apart(to_radians(noisy * 0.001).phase, noisy) < 0.02


def test_small_radians_are_believed_only_when_claimed():
    small = np.linspace(-0.7, 0.8, 24)[:, None, None] + np.zeros((24, 24, 24))
    assert apart(to_radians(small, units="rad").phase, small) < 1e-6
    with pytest.raises(InputError, match="no scale that is known"):
        to_radians(small)


def test_wraps_disprove_a_claim_of_radians(truth):
    phase, rule = to_radians(truth / 4, units="rad")
    assert apart(phase, truth) < 0.02
    assert "although the sidecar says radians" in rule


def test_the_manufacturer_helps_where_the_ends_are_not_reached(truth):
    stored = np.round((truth * 0.9 / np.pi + 1) * 2048)
    stored[stored == 0] = 1
    with pytest.raises(InputError):
        to_radians(stored)
    phase = to_radians(stored, manufacturer="SIEMENS").phase
    assert apart(phase, truth * 0.9) < np.pi / 2048


@pytest.mark.parametrize("levels", [True, False])
def test_masked_zeros_stay_zero_and_extremes_stay(truth, levels):
    stored = np.round((truth / np.pi + 1) * 2047.5) if levels else truth.copy()
    stored[:, :6] = 0
    stored[:, 10, 10, 10] = 4095 if levels else -np.float32(np.pi)
    phase = to_radians(stored).phase
    assert (phase[:, :6] == 0).all()
    assert np.abs(np.abs(phase[:, 10, 10, 10]) - np.pi).max() < 0.002


def test_one_rule_for_all_echoes(truth):
    stored = np.round((truth / np.pi + 1) * 2047.5)
    stored[0] = 2048 + (stored[0] - 2048) / 8  # an early echo that stays near zero
    phase = to_radians(stored).phase
    assert apart(phase[0], truth[0] / 8) < 0.002


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p * 0, "echo 1 is 0 in every voxel"),
        (lambda p: np.stack([p[0], p[0] * 0 + 3]), "echo 2 is 3 in every voxel"),
        (lambda p: np.where(p > 3, np.nan, p), "NaN"),
        (lambda p: p * 3 + 1, "no scale that is known"),
        (lambda p: p[0, 0], "3D image"),
    ],
    ids=["zero", "constant", "nan", "odd", "2d"],
)
def test_unusable_phase_is_refused(truth, spoil, message):
    with pytest.raises(InputError, match=message):
        to_radians(spoil(truth))


def test_real_and_imaginary(truth):
    magnitude, phase = from_real_imaginary(2 * np.cos(truth), 2 * np.sin(truth))
    assert np.allclose(magnitude, 2, atol=1e-5)
    assert apart(phase, truth) < 1e-5
    with pytest.raises(InputError, match="shape"):
        from_real_imaginary(truth, truth[0])
    with pytest.raises(InputError, match="NaN"):
        from_real_imaginary(truth * np.nan, truth)


def test_real_export_with_an_odd_scale(shared):
    import nibabel as nib

    stored = np.moveaxis(
        nib.load(shared / "multiecho-crop" / "phase.nii.gz").get_fdata(dtype=np.float32), 3, 0
    )
    phase, rule = to_radians(stored, units="arbitrary")
    assert "proven by its wraps" in rule
    assert np.allclose(phase, stored * (np.pi / 0.0036743774), atol=1e-4)
