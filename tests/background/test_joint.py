"""The joint dipole fit and its coarser grids."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from qsmbids.background import remove_background
from qsmbids.background.dipole_fit import DipoleFit
from qsmbids.physics import Problem, forward_field
from qsmbids.physics.coarse_grid import CoarseGrid

SHAPE, SIZE, B0 = (44, 46, 40), (2.0, 2.0, 2.0), (0.0, 0.2, 0.98)


@pytest.fixture(scope="module")
def head():
    """Return mask, depth in mm, total and local field of tissue in an ellipsoid below air."""
    rng = np.random.default_rng(3)
    x, y, z = np.meshgrid(*[np.arange(n) - n / 2 for n in SHAPE], indexing="ij")
    mask = (x / 16) ** 2 + (y / 17) ** 2 + (z / 14) ** 2 < 1
    tissue = np.where(mask, rng.normal(0, 0.05, SHAPE), 0)
    air = (x**2 + (y - 3) ** 2 + (z + 20) ** 2 < 16) * 9.0
    local, background = (forward_field(chi, SIZE, B0) for chi in (tissue, air))
    depth = distance_transform_edt(mask, sampling=SIZE)
    return mask, depth, background + local, local


def error(found, truth, where):
    return np.linalg.norm((found - truth)[where]) / np.linalg.norm(truth[where])


def test_the_field_of_a_patch_at_the_rim_is_kept_better_than_by_spherical_means(head):
    mask, depth, total, local = head
    x, y, z = np.indices(SHAPE)
    patch = mask & (depth < 6) & (x > 24) & (abs(y - 23) < 10) & (abs(z - 20) < 8)
    truth = forward_field(np.where(patch, np.float32(0.1), 0), SIZE, B0)

    def left(method):
        field = total - local + truth
        result = remove_background(field, mask, voxel_size=SIZE, b0_dir=B0, method=method)
        return error(result.field, truth, result.mask & (depth > 6.1))

    assert left("jdf") < 0.8 * left("resharp")


def test_the_preconditioner_knows_the_diagonal_of_the_fit():
    rng = np.random.default_rng(5)
    shape = (12, 10, 9)
    mask = np.zeros(shape, bool)
    mask[3:-3, 3:-3, 2:-3] = True
    precision = np.where(mask, rng.uniform(0.5, 2, shape), 0).astype(np.float32)
    problem = Problem(np.zeros(shape, np.float32), mask, SIZE, B0)
    fit = DipoleFit(problem, precision, np.where(mask, np.float32(0.06), np.float32(3)))
    found = fit._seen()
    for place in ((0, 0, 0), (5, 4, 4), (2, 5, 7)):
        unit = np.zeros(shape, np.float32)
        unit[place] = 1
        expected = float((precision * fit.dipole(unit) ** 2).sum())
        assert found[place] == pytest.approx(expected, rel=1e-3)


def test_a_constant_is_background(head):
    mask, _, total, _ = head
    fields = [
        remove_background(total + shift, mask, voxel_size=SIZE, b0_dir=B0, method="jdf").field
        for shift in (np.float32(0), np.float32(2))
    ]
    assert np.abs(fields[0] - fields[1]).max() < 1e-3


@pytest.mark.parametrize("erosion", [0.0, 3.0, 6.0])
def test_erosion_takes_off_the_millimetres_it_states(head, erosion):
    mask, depth, total, _ = head
    result = remove_background(
        total, mask, voxel_size=SIZE, b0_dir=B0, method="jdf", erosion=erosion, max_iterations=1
    )
    assert np.array_equal(result.mask, depth > erosion)


@pytest.mark.parametrize(
    ("size", "layers"), [((1.2,) * 3, 1), ((3.0, 3.0, 3.6), 1), ((2, 2, 9), 1)]
)
def test_the_default_takes_off_one_layer_of_large_voxels(size, layers):
    mask = np.zeros((24, 26, 16), bool)
    mask[3:-3, 3:-3, 2:-2] = True
    field = np.random.default_rng(0).normal(0, 0.01, mask.shape)
    kept = remove_background(field, mask, voxel_size=size, method="jdf", max_iterations=1).mask
    along_x, along_z = kept.any(axis=(1, 2)).sum(), kept.any(axis=(0, 1)).sum()
    assert along_x == 18 - 2 * layers
    assert along_z == 12 - (2 * layers if size[2] == size[0] else 0)


def test_the_fit_of_large_voxels_is_not_ended_early(head):
    """There is no coarser grid from which it could start near its end."""
    mask, *_ = head
    size = (3.0, 3.0, 3.0)
    x, y, z = np.indices(SHAPE) - np.array(SHAPE)[:, None, None, None] / 2
    air = (x**2 + (y - 3) ** 2 + (z + 20) ** 2 < 16) * 9.0
    tissue = np.where(mask, np.random.default_rng(3).normal(0, 0.05, SHAPE), 0)
    field = forward_field(tissue + air, size, B0)
    given = {"voxel_size": size, "b0_dir": B0, "method": "jdf"}
    found = remove_background(field, mask, **given)
    ended = remove_background(field, mask, **given, max_iterations=200, tolerance=1e-7)
    assert error(found.field, ended.field, found.mask) < 0.08


def test_the_field_of_a_lesion_without_signal_stays(head):
    mask, depth, total, local = head
    core = np.zeros(SHAPE, bool)
    core[20:23, 22:25, 19:22] = True
    lesion = forward_field(np.where(core, np.float32(-1.5), 0), SIZE, B0)
    result = remove_background(
        np.where(core, np.float32(0.7), total + lesion),
        mask,
        voxel_size=SIZE,
        b0_dir=B0,
        weight=np.where(core, np.float32(0.001), mask),
        method="jdf",
    )
    assert error(result.field, local + lesion, result.mask & ~core & (depth > 6)) < 0.15


def test_sources_keep_their_strength_and_their_side_on_a_finer_grid():
    rng = np.random.default_rng(0)
    mask = np.zeros((12, 13, 11), bool)
    mask[3:9, 2:10, 3:8] = True
    grid = CoarseGrid(mask, (2, 2, 1))
    sources = rng.standard_normal(grid.mask.shape).astype(np.float32)
    whole = np.kron(grid.mask, np.ones((2, 2, 1), bool))[:12, :13, :11]
    fine = grid.spread(sources, np.where(mask & ~whole, np.float32(0), np.float32(3)))
    assert fine.shape == mask.shape
    assert not fine[mask & ~whole].any()
    partly = np.add.reduceat(np.add.reduceat(fine, range(0, 12, 2), 0), range(0, 13, 2), 1)
    inner = partly[:, :-1]  # the last blocks reach beyond the grid
    assert np.allclose(inner, 4 * sources[:, :-1], atol=1e-5)


def test_the_coarser_grid_knows_blocks_on_the_surface(head):
    """Their field counts and their sources lie outside the mask, so the fit starts near its end."""
    mask, _, total, local = head
    options = {"voxel_size": SIZE, "b0_dir": B0, "method": "jdf"}
    begun = remove_background(total, mask, **options, max_iterations=1)
    assert error(begun.field, local, begun.mask) < 0.51


def test_sources_are_shared_by_how_strong_they_may_be():
    mask = np.ones((4, 4, 2), bool)
    variance = np.ones(mask.shape, np.float32)
    variance[0] = 3
    sources = np.arange(1, 5, dtype=np.float32).reshape(2, 2, 1)
    fine = CoarseGrid(mask, (2, 2, 2)).spread(sources, variance)
    assert np.allclose(fine[0], 3 * fine[1])
    assert np.allclose(fine.reshape(2, 2, 2, 2, 1, 2).mean((1, 3, 5)), sources)


def test_what_is_linear_in_space_leaves_no_trace():
    """As a shim does, and the phase between the two directions of a bipolar readout."""
    shape = (30, 34, 28)
    axes = np.indices(shape) - np.array(shape)[:, None, None, None] / 2
    mask = np.sum((axes / np.array([12, 14, 11])[:, None, None, None]) ** 2, axis=0) < 1
    rng = np.random.default_rng(0)
    field = np.where(mask, rng.normal(0, 0.02, shape), 0).astype(np.float32)
    ramp = np.where(mask, 0.5 + 0.05 * axes[0] - 0.03 * axes[2], 0).astype(np.float32)
    options = {"voxel_size": (2, 2, 2), "b0_dir": (0, 0, 1), "method": "jdf"}
    plain = remove_background(field, mask, **options)
    ramped = remove_background(field + ramp, mask, **options)
    assert np.array_equal(plain.mask, ramped.mask)
    assert np.abs(ramped.field - plain.field)[plain.mask].max() < 1e-3
