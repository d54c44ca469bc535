"""Voxel size and B0 direction from affines; units."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsmbids.physics import (
    GAMMA_HZ_PER_T,
    b0_direction,
    bounding_box,
    hz_per_ppm,
    radians_per_ppm,
    voxel_size,
)

seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(*[st.floats(0.3, 5.0)] * 3)
fields = st.floats(0.05, 15)


def rotation(seed, *, mirrored=False):
    q, r = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))
    q = q * np.sign(np.diag(r))
    if (np.linalg.det(q) < 0) != mirrored:
        q[:, 0] = -q[:, 0]
    return q


def affine(axes, size, origin=(5, -3, 40)):
    matrix = np.eye(4)
    matrix[:3, :3] = axes * np.asarray(size)
    matrix[:3, 3] = origin
    return matrix


@given(seeds, sizes, st.booleans())
def test_oblique_affines_give_size_and_direction(seed, size, mirrored):
    axes = rotation(seed, mirrored=mirrored)
    matrix = affine(axes, size)
    assert voxel_size(matrix) == pytest.approx(size)
    b0 = b0_direction(matrix)
    assert np.linalg.norm(b0) == pytest.approx(1)
    # B0 drawn in voxels and carried to the world is the world's third axis
    np.testing.assert_allclose(axes @ b0, [0, 0, 1], atol=1e-9)


@given(seeds, sizes, st.floats(-math.pi, math.pi))
def test_turning_the_head_about_b0_changes_nothing(seed, size, angle):
    axes = rotation(seed)
    c, s = math.cos(angle), math.sin(angle)
    turned = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ axes
    assert b0_direction(affine(turned, size)) == pytest.approx(b0_direction(affine(axes, size)))


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        (np.eye(3), (0, 0, 1)),  # axial
        (np.diag([-1, 1, 1]), (0, 0, 1)),  # axial, x stored right to left
        (np.eye(3)[[0, 2, 1]], (0, 1, 0)),  # coronal: the second voxel axis runs along B0
        (np.eye(3)[[2, 0, 1]], (0, 1, 0)),  # sagittal
    ],
)
def test_plain_orientations(axes, expected):
    assert b0_direction(affine(axes, (1, 2, 3))) == pytest.approx(expected)


def test_sheared_affine_is_refused():
    matrix = np.eye(4)
    matrix[0, 1] = 0.1
    with pytest.raises(ValueError, match="sheared"):
        b0_direction(matrix)


def test_rounded_affine_of_a_file_is_accepted():
    matrix = affine(rotation(1), (0.7, 0.7, 1.4)).round(4)
    assert np.linalg.norm(b0_direction(matrix)) == pytest.approx(1)


def test_one_ppm_of_three_tesla():
    assert hz_per_ppm(3.0) == pytest.approx(127.732, abs=1e-3)
    assert hz_per_ppm(1.0) * 1e6 == pytest.approx(GAMMA_HZ_PER_T)


@given(fields, st.floats(1e-4, 0.1), st.floats(-10, 10))
def test_units_go_round(field_strength, echo_time, ppm):
    radians = ppm * radians_per_ppm(field_strength, echo_time)
    hertz = radians / (2 * math.pi * echo_time)
    assert hertz / hz_per_ppm(field_strength) == pytest.approx(ppm)


@given(seed=seeds, margin=st.tuples(*[st.integers(0, 3)] * 3))
def test_a_bounding_box_holds_every_voxel_and_no_more_than_its_margin(seed, margin):
    mask = np.random.default_rng(seed).random((7, 8, 9)) > 0.99
    box = bounding_box(mask, margin)
    inside = np.zeros_like(mask)
    inside[box] = True
    assert not (mask & ~inside).any()
    for axis, (part, spare) in enumerate(zip(box, margin, strict=True)):
        used = np.argwhere(mask)[:, axis] if mask.any() else np.arange(mask.shape[axis])
        assert part.start == max(0, used.min() - spare)
        assert part.stop == min(mask.shape[axis], used.max() + spare + 1)
