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
from qsmbids.physics.placement import in_millimetres, place

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
    assert voxel_size(matrix) == pytest.approx(size, abs=1e-5)
    b0 = b0_direction(matrix)
    assert np.linalg.norm(b0) == pytest.approx(1)
    # B0 drawn in voxels and carried to the world is the world's third axis
    np.testing.assert_allclose(axes @ b0, [0, 0, 1], atol=1e-9)


def test_the_rounding_of_headers_does_not_reach_the_voxel_size():
    stored = (affine(rotation(3), (1.5, 1.5, 4.8)) / 1000).astype(np.float32)
    assert voxel_size(in_millimetres(stored, "meter")[0]) == (1.5, 1.5, 4.8)


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


def tilted(degrees, axis=0):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) if axis == 0 else np.eye(3)
    if axis == 2:
        turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return affine(turn, (1, 2, 3))


def test_matrices_that_agree_need_no_word():
    found = place(tilted(10), tilted(10) + 1e-5, (1, 1))
    assert (found.rule, found.warnings, found.b0_dir) == ("", (), None)
    assert place(tilted(10)).warnings == ()


def test_b0_is_taken_from_the_matrix_that_leads_to_the_scanner():
    found = place(tilted(15), tilted(0), (2, 1))
    assert np.array_equal(found.affine, tilted(15))
    assert found.b0_dir == pytest.approx((0, 0, 1))
    assert "from the qform, 15.0 degrees from that of the sform" in found.warnings[0]


@pytest.mark.parametrize("codes", [(1, 1), (1, 2), (2, 2)])
def test_else_the_sform_tells_b0(codes):
    found = place(tilted(15), tilted(0), codes)
    assert found.b0_dir is None
    assert "from the sform" in found.warnings[0]


def test_what_does_not_change_b0_is_said_without_a_warning():
    for other in (tilted(30, axis=2), affine(np.eye(3), (1, 2, 3), origin=(9, 9, 9))):
        found = place(tilted(0), other, (2, 1))
        assert found.warnings == ()
        assert "the sform places the maps" in found.rule


def test_another_voxel_size_is_a_warning():
    found = place(tilted(0), affine(np.eye(3), (1, 2, 2.5)), (1, 1))
    assert "1 x 2 x 3 mm; the qform says 1 x 2 x 2.5" in found.warnings[0]


@pytest.mark.parametrize(
    ("unit", "scale"), [("meter", 1e-3), ("micron", 1e3), ("mm", 1), ("unknown", 1)]
)
def test_the_unit_of_the_header_is_heeded(unit, scale):
    stored = tilted(10)
    stored[:3] *= scale
    matrix, warnings = in_millimetres(stored, unit)
    np.testing.assert_allclose(matrix, tilted(10))
    assert warnings == ()


@pytest.mark.parametrize("unit", ["meter", "micron"])
def test_a_unit_that_cannot_be_is_said(unit):
    matrix, warnings = in_millimetres(tilted(10), unit)
    np.testing.assert_allclose(matrix, tilted(10))
    assert "read as mm" in warnings[0]


@pytest.mark.parametrize("unit", ["mm", "unknown"])
@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_voxels_of_no_head_are_refused(unit, scale):
    stored = tilted(10)
    stored[:3] *= scale
    with pytest.raises(ValueError, match="state the true unit"):
        in_millimetres(stored, unit)
