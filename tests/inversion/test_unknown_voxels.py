"""Voxels whose field is not known: what they hold reaches no map."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from volumes import smooth_tissue

from qsmbids.inversion import METHODS, reconstruct
from qsmbids.inversion.unknown_voxels import fill_unknown
from qsmbids.physics import Problem, forward_field
from qsmbids.physics.filling import fill_smoothly

GEOMETRY = {"voxel_size": (1.0, 1.0, 1.6), "b0_dir": (0.1, 0.3, 0.95)}
NETWORKS = [name for name, entry in METHODS.items() if entry.takes("device")]
QUICK = {
    "qsminvnet": {"iterations": 1},
    "qsminvnet+": {"iterations": 1},
    "zs-uqsm+": {"filters": 2, "patch_iterations": 2, "patch_size": 16, "iterations": 2},
    "dip": {"filters": 2, "iterations": 2},
}


def head(shape=(28, 32, 20)):
    """Return a field, its mask and a weight with holes in the mask, one at its surface."""
    _, field, mask = smooth_tissue(shape, **GEOMETRY)
    weight = mask.astype(np.float32)
    weight[8:11, 10:14, 6:9] = 0
    weight[18:22, 3:6, 10:12] = 0
    return field, mask, weight


def spoil(field, gaps):
    """Return the field with garbage in the gaps, some of it no number."""
    spoiled = field.copy()
    spoiled[gaps] = np.random.default_rng(1).normal(0, 5, np.count_nonzero(gaps))
    spoiled[tuple(np.argwhere(gaps)[0])] = np.nan
    spoiled[tuple(np.argwhere(gaps)[-1])] = np.inf
    return spoiled


@pytest.mark.parametrize("method", NETWORKS)
def test_what_voxels_of_weight_zero_hold_reaches_no_map_of_a_network(method):
    field, mask, weight = head()
    options = {"method": method, "weight": weight, "device": "cpu", **QUICK.get(method, {})}
    fields = (field, spoil(field, mask & (weight == 0)))
    clean, spoiled = (reconstruct(f, mask, **options, **GEOMETRY) for f in fields)
    assert np.isfinite(clean.chi).all()
    np.testing.assert_array_equal(clean.chi, spoiled.chi)
    if clean.uncertainty is not None:
        np.testing.assert_array_equal(clean.uncertainty, spoiled.uncertainty)


@pytest.mark.parametrize("method", [name for name in METHODS if name not in NETWORKS])
def test_no_number_at_weight_zero_is_no_obstacle(method):
    field, mask, weight = head()
    field[mask & (weight == 0)] = np.nan
    assert np.isfinite(reconstruct(field, mask, weight=weight, method=method, **GEOMETRY).chi).all()


def test_a_source_whose_phase_is_lost_is_seen_from_its_field_around():
    """Its field in the gap comes back from outside, where a smooth continuation has no idea."""
    shape = (40, 40, 40)
    mask = np.zeros(shape, bool)
    mask[3:-3, 3:-3, 3:-3] = True
    chi = np.zeros(shape, np.float32)
    chi[17:22, 18:21, 12:27] = 1
    field = forward_field(chi, voxel_size=(1, 1, 1), b0_dir=(0, 0, 1))
    rng = np.random.default_rng(0)
    field = np.where(mask, field + rng.normal(0, 1e-3, shape), 0).astype(np.float32)
    gaps = ndimage.binary_dilation(chi > 0)
    weight = (mask & ~gaps).astype(np.float32)
    geometry = {"voxel_size": (1, 1, 1), "b0_dir": (0, 0, 1)}
    spoiled = np.where(gaps, np.float32(5), field)
    found = fill_unknown(Problem(spoiled, mask, **geometry, weight=weight), gaps).field
    smooth = fill_smoothly(spoiled, mask, gaps, (1, 1, 1))
    errors = [np.linalg.norm((image - field)[gaps]) for image in (found, smooth)]
    assert errors[0] < 0.8 * errors[1]
    np.testing.assert_array_equal(found[~gaps], field[~gaps])


def test_no_number_where_the_field_counts_is_refused():
    field, mask, weight = head()
    field[15, 15, 15] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        reconstruct(field, mask, weight=weight, method="dcnet", **GEOMETRY)


def test_filling_continues_what_is_linear_and_changes_nothing_else():
    x, y, z = np.mgrid[:20, :18, :16].astype(np.float32)
    image, mask = 0.3 * x - 0.2 * y + 0.1 * z, np.ones((20, 18, 16), bool)
    gaps = np.zeros_like(mask)
    gaps[5:9, 6:11, 4:9] = True
    found = fill_smoothly(np.where(gaps, np.nan, image), mask, gaps, (1, 1, 2))
    np.testing.assert_allclose(found, image, atol=5e-3)
    np.testing.assert_array_equal(found[~gaps], image[~gaps])


def test_filling_looks_at_nothing_outside_the_mask():
    mask = np.zeros((12, 12, 12), bool)
    mask[2:8, 2:8, 2:8] = True
    gaps = np.zeros_like(mask)
    gaps[2:5, 2:5, 2:5] = True
    found = fill_smoothly(np.where(mask, 1, 1e3).astype(np.float32), mask, gaps, (1, 1, 1))
    np.testing.assert_allclose(found[mask], 1, atol=5e-3)


def test_a_gap_that_touches_nothing_known_becomes_zero():
    mask = np.zeros((8, 8, 8), bool)
    mask[1:3], mask[5:7] = True, True
    gaps = mask & (np.arange(8) < 4)[:, None, None]
    found = fill_smoothly(np.full(mask.shape, 2, np.float32), mask, gaps, (1, 1, 1))
    assert not found[gaps].any()
