"""Paramagnetic and diamagnetic parts: exact where the model holds, near the truth of a head."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from qsmbids.contrast.separation import by_r2star, span_doubts
from qsmbids.phase import fit_decay
from qsmbids.simulation import TISSUES

DEEP = ("caudate", "putamen", "pallidum", "thalamus")


@given(strength=st.floats(0.5, 7), relaxivity=st.floats(10, 100), seed=st.integers(0, 99))
def test_what_obeys_the_model_is_found_again(strength, relaxivity, seed):
    rng = np.random.default_rng(seed)
    positive, negative = rng.uniform(0, 0.3, (2, 4, 5, 6)).astype(np.float32)
    r2star = (12 + 2 * strength + relaxivity * strength * (positive + negative)).astype(np.float32)
    parts = by_r2star(
        positive - negative,
        r2star,
        np.ones(r2star.shape, bool),
        field_strength=strength,
        relaxivity=relaxivity,
        r2=12,
        r2_per_tesla=2,
    )
    np.testing.assert_allclose(parts.paramagnetic, positive, atol=1e-4)
    np.testing.assert_allclose(parts.diamagnetic, -negative, atol=1e-4)


@given(seed=st.integers(0, 99))
def test_parts_have_their_sign_and_add_up_to_the_map(seed):
    rng = np.random.default_rng(seed)
    chi = rng.normal(0, 0.1, (4, 5, 6)).astype(np.float32)
    mask = rng.random(chi.shape) < 0.7
    parts = by_r2star(chi, rng.uniform(0, 60, chi.shape).astype(np.float32), mask, field_strength=3)
    assert parts.paramagnetic.dtype == parts.diamagnetic.dtype == np.float32
    assert np.all(parts.paramagnetic >= 0)
    assert np.all(parts.diamagnetic <= 0)
    total = parts.paramagnetic + parts.diamagnetic
    np.testing.assert_allclose(total, np.where(mask, chi, 0), atol=1e-6)


def test_where_r2star_tells_of_no_sources_the_map_is_one_part():
    chi = np.array([[[0.2, -0.1]]], np.float32)
    parts = by_r2star(chi, np.full_like(chi, 5), np.ones(chi.shape, bool), field_strength=3)
    np.testing.assert_allclose(parts.paramagnetic, [[[0.2, 0]]])
    np.testing.assert_allclose(parts.diamagnetic, [[[0, -0.1]]])
    assert parts.unexplained == 1
    assert "100 %" in parts.doubts()[0]


def test_echoes_that_lie_together_are_doubted_by_what_noise_makes_of_them():
    assert span_doubts((0.004, 0.02), 3) == []
    (said,) = span_doubts((0.00519, 0.00765), 3)
    # noise of 1 % at both of two echoes, carried through the method
    rng = np.random.default_rng(0)
    signal = np.exp(-20 * np.array([0.00519, 0.00765]))[:, None] * (
        1 + 0.01 * rng.standard_normal((2, 20000))
    )
    r2star = np.log(signal[0] / signal[1]) / 0.00246
    ppb = 1000 * r2star.std() / (2 * 45.7 * 3)
    assert f"makes {ppb:.0f} ppb" in said


def test_refuses_what_does_not_fit():
    ones = np.ones((2, 2, 2), np.float32)
    with pytest.raises(ValueError, match="do not agree in shape"):
        by_r2star(ones, ones[:1], ones > 0, field_strength=3)
    with pytest.raises(ValueError, match="relaxivity must be positive"):
        by_r2star(ones, ones, ones > 0, field_strength=3, relaxivity=0)


@pytest.mark.slow
def test_a_simulated_head_is_separated_near_its_truth(head):
    """The defaults know neither the head's R2, which differs by tissue, nor its relaxivity."""
    r2star = fit_decay(head.magnitude, head.echo_times, head.brain_mask).r2star
    parts = by_r2star(head.chi, r2star, head.brain_mask, field_strength=3)
    inside = ndimage.binary_erosion(head.brain_mask, iterations=2)
    for name in ("white matter", "grey matter", *DEEP):
        tissue = inside & (head.labels == TISSUES[name].label)
        for found, true in (
            (parts.paramagnetic, head.paramagnetic),
            (parts.diamagnetic, head.diamagnetic),
        ):
            assert abs(np.median(found[tissue]) - np.median(true[tissue])) < 0.012, name
    deep = np.isin(head.labels, [TISSUES[name].label for name in ("white matter", *DEEP)]) & inside
    error = np.abs(parts.diamagnetic - head.diamagnetic)[deep]
    by_sign_alone = np.abs(np.minimum(head.chi, 0) - head.diamagnetic)[deep]
    assert np.median(error) < 0.5 * np.median(by_sign_alone)
