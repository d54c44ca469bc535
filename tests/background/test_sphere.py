"""The discrete spherical mean and Laplace's equation, against harmonic functions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsmbids.background.laplace import without_harmonic_part
from qsmbids.background.spherical_mean import MeanValue, sphere
from qsmbids.physics.solve import conjugate_gradients

SIZES = st.tuples(*[st.floats(0.8, 3.0)] * 3)


@given(size=SIZES, radius=st.floats(4.5, 9.0))
@settings(max_examples=25, deadline=None)
def test_the_mean_of_a_harmonic_polynomial_is_its_centre_value(size, radius):
    weights = sphere(radius, size)
    half = [n // 2 for n in weights.shape]
    x, y, z = np.meshgrid(
        *[np.arange(-h, h + 1) * s for h, s in zip(half, size, strict=True)], indexing="ij"
    )
    r2 = x**2 + y**2 + z**2
    assert weights.sum() == pytest.approx(1)
    for polynomial in (x, x * y, x**2 - y**2, 2 * z**2 - x**2 - y**2):
        assert abs((weights * polynomial).sum()) < 1e-6 * radius**2
    quartic = 35 * z**4 - 30 * z**2 * r2 + 3 * r2**2
    assert abs((weights * quartic).sum()) < 1e-5 * radius**4


def test_erosion_keeps_exactly_the_voxels_whose_sphere_fits():
    rng = np.random.default_rng(0)
    mask = np.pad(rng.random((11, 12, 13)) > 0.004, 3)
    weights = sphere(2.0, (1, 1, 1))
    eroded = MeanValue(mask.shape, (1, 1, 1)).erode(mask, weights)
    offsets = np.argwhere(weights != 0) - np.array(weights.shape) // 2
    for voxel in np.argwhere(mask):
        assert eroded[tuple(voxel)] == all(mask[tuple(voxel + o)] for o in offsets)


@pytest.mark.parametrize("size", [(1.0, 1.0, 1.0), (0.7, 1.0, 2.5)])
def test_laplace_equation_is_solved_with_the_boundary_values(size):
    x, y, z = np.meshgrid(*[np.linspace(-15, 15, round(30 / s)) for s in size], indexing="ij")
    steps = [float(a[1] - a[0]) for a in (x[:, 0, 0], y[0, :, 0], z[0, 0, :])]
    interior = (x / 13) ** 2 + (y / 12) ** 2 + (z / 12) ** 2 < 1
    inner = np.exp(-(x**2 + y**2 + z**2) / 8) * (x**2 + y**2 + z**2 < 100)
    harmonic = x * y + 0.3 * (2 * z**2 - x**2 - y**2) + x
    field = (harmonic + inner).astype(np.float32)
    rest = without_harmonic_part(field, interior, steps, 1e-5, 50)
    assert np.abs(rest - inner)[interior].max() < 2e-3


def test_conjugate_gradients_solve_and_stop():
    rng = np.random.default_rng(1)
    root = rng.standard_normal((20, 20))
    matrix = (root @ root.T + 5 * np.eye(20)).astype(np.float32)
    truth = rng.standard_normal(20).astype(np.float32)
    target = matrix @ truth
    found = conjugate_gradients(lambda x: matrix @ x, target, 1e-5, 60)
    assert np.allclose(found, truth, atol=1e-3)
    again = conjugate_gradients(lambda x: matrix @ x, target, 1e-5, 60, start=truth)
    assert np.allclose(again, truth, atol=1e-5)
