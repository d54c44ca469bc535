"""Grain in training maps: its spectrum and its size."""

from itertools import pairwise

import numpy as np
import pytest

from qsmbids.training.data.grain import Grain, add_grain
from qsmbids.training.data.random_fields import SmoothNoise

SHAPE = (48, 48, 48)
MASK = np.ones(SHAPE, bool)


@pytest.mark.parametrize("exponent", [2.2, 3.6])
def test_power_falls_by_the_exponent(exponent):
    field = SmoothNoise(np.random.default_rng(0), SHAPE).power_law(exponent)
    power = np.abs(np.fft.fftn(field)) ** 2
    k = np.sqrt(sum(f**2 for f in np.meshgrid(*[np.fft.fftfreq(48)] * 3, indexing="ij")))
    edges = np.array([0.08, 0.12, 0.18, 0.27, 0.4])
    rings = [(k >= low) & (k < high) for low, high in pairwise(edges)]
    slope = np.polyfit(
        np.log([k[ring].mean() for ring in rings]), np.log([power[r].mean() for r in rings]), 1
    )[0]
    assert slope == pytest.approx(-exponent, abs=0.25)


def test_it_is_longer_along_the_stretched_axis():
    field = SmoothNoise(np.random.default_rng(0), SHAPE).power_law(3.0, (1, 1, 4))
    across, along = (np.abs(np.diff(field, axis=axis)).mean() for axis in (0, 2))
    assert along < 0.6 * across


@pytest.mark.parametrize("is_head", [True, False])
def test_its_size_is_absolute_in_heads_and_relative_in_shapes(is_head):
    rng = np.random.default_rng(1)
    chi = (0.2 * rng.standard_normal(SHAPE)).astype(np.float32)
    how = Grain(share=1.0, relative=(0.5, 0.5), absolute=(0.01, 0.01))
    noise = SmoothNoise(rng, SHAPE)
    added = add_grain(rng, chi, MASK, noise=noise, how=how, is_head=is_head) - chi
    assert added.std() == pytest.approx(0.01 if is_head else 0.5 * chi.std(), rel=0.01)


def test_without_a_share_the_map_stays():
    rng = np.random.default_rng(2)
    chi = rng.standard_normal(SHAPE).astype(np.float32)
    same = add_grain(rng, chi, MASK, noise=SmoothNoise(rng, SHAPE), how=Grain(), is_head=True)
    assert np.array_equal(same, chi)
