"""Erosion and its companions: exact in millimetres, right at the borders."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from qsmbids.physics.morphology import (
    closing,
    dilate,
    erode,
    fill_holes,
    largest_component,
    opening,
)


def blob(shape, seed):
    noise = np.random.default_rng(seed).standard_normal(shape)
    return ndimage.gaussian_filter(noise, 2.0) > -0.05


@given(
    seed=st.integers(0, 1000),
    radius=st.floats(0.3, 9.0),
    edges=st.tuples(*[st.floats(0.4, 3.0)] * 3),
    shape=st.tuples(*[st.integers(3, 17)] * 3),
)
@settings(max_examples=40, deadline=None)
def test_erosion_is_the_distance_map_thresholded(seed, radius, edges, shape):
    mask = blob(shape, seed)
    padded = np.pad(mask, 1)
    distance = ndimage.distance_transform_edt(padded, sampling=edges)[1:-1, 1:-1, 1:-1]
    clear = np.abs(distance - radius) > 1e-3  # away from ties of rounding
    expected = mask & (distance > radius)
    assert np.array_equal(erode(mask, radius, edges)[clear], expected[clear])


def test_a_voxel_exactly_at_the_radius_is_too_near():
    mask = np.zeros((21, 21, 21), bool)
    mask[5:16] = True
    mask[:, :2] = mask[:, -2:] = False
    line = erode(mask, 3.0, (1, 1, 1))[:, 10, 10]
    assert np.flatnonzero(line).tolist() == [8, 9, 10, 11, 12]


def test_the_field_of_view_ends_the_mask():
    eroded = erode(np.ones((9, 9, 9), bool), 1.5, (1, 1, 2))
    assert eroded[1:-1, 1:-1, 1:-1].all()
    assert not eroded[0].any()
    assert not eroded[:, -1].any()


def test_thick_slices_erode_in_plane_only():
    eroded = erode(np.ones((9, 9, 3), bool), 1.5, (1, 1, 2))
    assert eroded.sum() == 7 * 7 * 3


def test_zero_radius_and_empty_mask_change_nothing():
    mask = blob((9, 8, 7), 1)
    assert np.array_equal(erode(mask, 0, (1, 1, 1)), mask)
    assert not erode(np.zeros((4, 4, 4)), 2, (1, 1, 1)).any()


@pytest.mark.parametrize(
    ("mask", "radius", "edges"),
    [
        (np.ones((3, 3)), 1.0, (1, 1, 1)),
        (np.ones((3, 3, 3)), -1.0, (1, 1, 1)),
        (np.ones((3, 3, 3)), float("nan"), (1, 1, 1)),
        (np.ones((3, 3, 3)), 1.0, (1, 0, 1)),
        (np.ones((3, 3, 3)), 1.0, (1, 1)),
    ],
)
def test_bad_arguments_are_refused(mask, radius, edges):
    with pytest.raises(ValueError, match=r"mask|radius|voxel size"):
        erode(mask, radius, edges)


def test_dilation_is_a_ball():
    mask = np.zeros((15, 15, 15), bool)
    mask[7, 7, 7] = True
    offsets = (np.indices(mask.shape) - 7) * np.array([1, 1, 2])[:, None, None, None]
    assert np.array_equal(dilate(mask, 4.0, (1, 1, 2)), (offsets**2).sum(0) <= 16)


def test_opening_cuts_a_bridge_and_keeps_the_ends_of_a_slab():
    mask = np.zeros((40, 20, 6), bool)
    mask[2:16, 2:18] = mask[24:38, 2:18] = True
    mask[16:24, 9:11] = True
    opened = opening(mask, 2.0, (1, 1, 1))
    assert not opened[20].any()
    assert opened[5:12, 8, 0].all()
    assert np.all(opened <= mask)
    assert largest_component(opened).sum() == pytest.approx(opened.sum() / 2)


def test_closing_fills_a_crack_only():
    mask = np.zeros((20, 20, 20), bool)
    mask[3:17, 3:17, 3:17] = True
    cracked = mask.copy()
    cracked[10] = False
    closed = closing(cracked, 2.0, (1, 1, 1))
    assert np.all(cracked <= closed)
    assert np.all(closed <= mask)
    assert closed[10, 5:15, 5:15].all()


def test_holes_fill_but_bays_do_not():
    mask = np.zeros((12, 12, 12), bool)
    mask[2:10, 2:10, 2:10] = True
    holed = mask.copy()
    holed[4:6, 4:6, 4:6] = False
    assert np.array_equal(fill_holes(holed), mask)
    holed[:, 4:6, 4:6] = False
    assert np.array_equal(fill_holes(holed), holed)
