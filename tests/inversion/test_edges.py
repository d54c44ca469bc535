"""Edges of the magnitude."""

from __future__ import annotations

import numpy as np

from qsmbids.inversion.edges import edge_voxels, steep_differences
from qsmbids.physics.gradient import spacing


def test_the_steepest_differences_within_the_mask_are_edges():
    magnitude = np.ones((12, 10, 8), np.float32)
    magnitude[6:] = 2
    mask = np.zeros(magnitude.shape, bool)
    mask[3:9, 2:8, 1:7] = True
    magnitude[~mask] = 50  # steeper by far, and none of the mask's
    x, y, z = steep_differences(magnitude, mask, spacing((1, 1, 1)), 0.07)
    expected = np.zeros_like(mask)
    expected[5, 2:8, 1:7] = True
    np.testing.assert_array_equal(x, expected)
    assert not np.any([y, z])
    np.testing.assert_array_equal(edge_voxels(magnitude, mask, spacing((1, 1, 1)), 0.07), expected)


def test_a_mask_without_neighbours_has_no_edges():
    mask = np.zeros((5, 5, 5), bool)
    mask[2, 2, 2] = True
    assert not edge_voxels(np.ones((5, 5, 5), np.float32), mask, spacing((1, 1, 2)), 0.5).any()
