"""Background removal: what comes from outside goes, what comes from inside stays."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_erosion

from qsmbids.background import METHODS, LocalField, remove_background
from qsmbids.errors import QsmbidsWarning, UsageError, noted

GRIDS = {
    "isotropic": ((40, 41, 39), (2.0, 2.0, 2.0), (0.0, 0.0, 1.0)),
    "oblique": ((39, 40, 43), (2.0, 2.0, 2.0), (0.3, -0.4, 0.87)),
    "anisotropic": ((51, 40, 25), (1.6, 2.0, 3.2), (0.2, 0.3, 0.93)),
}
ALL = sorted(METHODS)


def axes(shape, voxel_size):
    centred = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, voxel_size, strict=True)]
    return np.stack(np.meshgrid(*centred, indexing="ij"))


def dipole(points, centre, b0, strength):
    """The exact field of a point dipole: harmonic wherever it is not."""
    r = points - np.reshape(centre, (3, 1, 1, 1))
    along = np.tensordot(np.asarray(b0) / np.linalg.norm(b0), r, axes=1)
    distance2 = (r**2).sum(axis=0)
    return strength * (3 * along**2 - distance2) / distance2**2.5


def scene(grid):
    """Return mask, background of three dipoles outside, field of a sphere inside."""
    shape, voxel_size, b0 = GRIDS[grid]
    points = axes(shape, voxel_size)
    mask = (points[0] / 32) ** 2 + (points[1] / 34) ** 2 + (points[2] / 30) ** 2 < 1
    background = sum(
        dipole(points, centre, b0, strength)
        for centre, strength in (((0, 48, -15), 1e4), ((-44, 0, 10), -7e3), ((10, -20, -52), 1.3e4))
    )
    centre, radius = (4.0, -5.0, 3.0), 6.0
    distance = np.sqrt(((points - np.reshape(centre, (3, 1, 1, 1))) ** 2).sum(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        local = np.where(distance > radius, dipole(points, centre, b0, 0.5 * radius**3 / 3), 0)
    return (
        mask,
        background.astype(np.float32),
        local.astype(np.float32),
        {"voxel_size": voxel_size, "b0_dir": b0},
    )


def share(part, whole):
    return np.linalg.norm(part) / np.linalg.norm(whole)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize(
    ("method", "left"),
    [("resharp", 0.02), ("vsharp", 0.05), ("pdf", 0.04), ("jdf", 0.03), ("lbv", 0.02)],
)
def test_a_field_from_outside_is_removed(grid, method, left):
    mask, background, _, geometry = scene(grid)
    local, valid = remove_background(background, mask, method=method, **geometry)
    assert share(local[valid], background[valid]) < left


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize(
    ("method", "error"),
    [("resharp", 0.2), ("vsharp", 0.4), ("pdf", 0.3), ("jdf", 0.2), ("lbv", 0.4)],
)
def test_a_field_from_inside_is_kept(grid, method, error):
    rim = {"erosion": 4.0} if method == "jdf" else {}  # one depth of scoring for all
    mask, background, truth, geometry = scene(grid)
    local, valid = remove_background(background + truth, mask, method=method, **rim, **geometry)
    inner = binary_erosion(valid, iterations=2)  # at the rim, the steep background dominates
    assert share((local - truth)[inner], truth[inner]) < error


@pytest.mark.parametrize("method", ALL)
def test_result_is_float32_zero_outside_a_mask_that_only_shrinks(method):
    mask, background, truth, geometry = scene("anisotropic")
    result = remove_background(background + truth, mask, method=method, **geometry)
    assert isinstance(result, LocalField)
    assert result.field.dtype == np.float32
    assert result.mask.dtype == bool
    assert result.field.shape == mask.shape
    assert not (result.mask & ~mask).any()
    assert not result.field[~result.mask].any()
    assert (result.mask.sum() == mask.sum()) == (method == "pdf")


@pytest.mark.parametrize("method", ["vsharp", "lbv"])
@given(scale=st.floats(-5, 5).filter(lambda s: abs(s) > 0.01))
@settings(max_examples=4, deadline=None)
def test_methods_are_linear(method, scale):
    mask, background, truth, geometry = scene("isotropic")

    def remove(field):
        return remove_background(field, mask, method=method, **geometry).field

    together = remove(background + np.float32(scale) * truth)
    apart = remove(background) + np.float32(scale) * remove(truth)
    assert share(together - apart, together) < 5e-3


@pytest.mark.parametrize("method", ALL)
def test_the_voxel_axes_order_does_not_matter(method):
    mask, background, truth, geometry = scene("anisotropic")
    here = remove_background(background + truth, mask, method=method, **geometry).field
    turned = {name: values[1:] + values[:1] for name, values in geometry.items()}
    there = remove_background(
        np.moveaxis(background + truth, 0, -1), np.moveaxis(mask, 0, -1), method=method, **turned
    ).field
    assert share(np.moveaxis(there, -1, 0) - here, here) < 0.03


@pytest.mark.parametrize("method", ALL)
def test_what_stands_far_outside_the_mask_does_not_matter(method):
    mask, background, truth, geometry = scene("isotropic")
    field = background + truth
    alone = remove_background(np.where(mask, field, np.nan), mask, method=method, **geometry)
    wide = [(5, 3), (0, 7), (2, 2)]
    padded = remove_background(np.pad(field, wide), np.pad(mask, wide), method=method, **geometry)
    assert np.array_equal(padded.field[5:-3, :-7, 2:-2], alone.field)


@pytest.mark.parametrize("method", ALL)
def test_voxels_without_signal_do_not_spoil_the_rest(method):
    mask, background, truth, geometry = scene("isotropic")
    field, weight = background + truth, mask.astype(np.float32)
    clean = remove_background(field, mask, method=method, **geometry)
    core = truth == 0
    rim = mask & (np.arange(mask.shape[1])[None, :, None] > 33)
    broken = np.where(core | rim, np.float32(np.nan), field)
    weight[core | rim] = 0
    result = remove_background(broken, mask, method=method, weight=weight, **geometry)
    assert not (result.mask & rim).any()
    far = result.mask & clean.mask & ~core
    assert (
        share((result.field - truth)[far], truth[far])
        < 1.5 * share((clean.field - truth)[far], truth[far]) + 0.1
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"voxel_size": (1, 0, 1)}, "voxel size"),
        ({"b0_dir": (0, 0, 0)}, "B0 direction"),
        ({"weight": np.ones((2, 2, 2))}, "weight's shape"),
        ({"weight": -np.ones((40, 41, 39))}, "weight"),
        ({"mask": np.zeros((40, 41, 39))}, "mask is empty"),
        ({"field": np.zeros((40, 41, 39))}, "zero everywhere"),
        ({"field": np.full((40, 41, 39), np.nan)}, "NaN"),
        ({"field": np.ones((40, 41))}, "dimensions"),
        ({"method": "resharp", "radius": 0.0}, "radius"),
        ({"method": "resharp", "radius": 40.0}, "nothing is left"),
        ({"method": "resharp", "regularisation": 0.0}, "regularisation"),
        ({"tolerance": 2.0}, "tolerance"),
        ({"max_iterations": 0}, "iteration"),
        ({"method": "pdf", "margin": 0}, "margin"),
        ({"method": "jdf", "erosion": -1.0}, "erosion"),
        ({"method": "jdf", "erosion": 40.0}, "nothing is left"),
        ({"method": "jdf", "tissue_scale": 0.0}, "scales"),
        ({"method": "lbv", "peel": -1}, "peel"),
        ({"method": "vsharp", "min_radius": 20.0}, "radius"),
        ({"method": "vsharp", "threshold": 0.0}, "threshold"),
    ],
)
def test_wrong_arguments_are_refused_in_one_sentence(change, said):
    mask, background, _, geometry = scene("isotropic")
    arguments = {"field": background, "mask": mask, **geometry, **change}
    with pytest.raises(ValueError, match=said):
        remove_background(**arguments)


@pytest.mark.parametrize("wrong", [{"method": "magic"}, {"method": "lbv", "radius": 3}])
def test_unknown_method_or_option_is_a_usage_error(wrong):
    mask, background, _, geometry = scene("isotropic")
    with pytest.raises(UsageError):
        remove_background(background, mask, **geometry, **wrong)


def test_resharps_radius_follows_thick_slices_and_says_so():
    shape, size = (48, 50, 16), (2.0, 2.0, 9.0)
    x, y, z = np.indices(shape)
    mask = ((x - 24) / 22) ** 2 + ((y - 25) / 23) ** 2 + ((z - 8) / 7) ** 2 < 1
    field = np.where(mask, (0.01 * (x - y)).astype(np.float32), 0)
    with pytest.warns(
        QsmbidsWarning, match="voxels are 9 mm long, more than RESHARP's radius of 6"
    ):
        thick = remove_background(field, mask, voxel_size=size, method="resharp")
    same = remove_background(field, mask, voxel_size=size, method="resharp", radius=9.0)
    assert thick.mask.any()
    assert np.array_equal(thick.field, same.field)


def test_notes_hold_each_warning_once_and_let_others_through():
    def collected():
        with noted() as notes:
            for category in (QsmbidsWarning, QsmbidsWarning, RuntimeWarning):
                warnings.warn("a doubt", category, stacklevel=1)
        return notes

    with pytest.warns(RuntimeWarning) as others:
        assert collected() == ["a doubt"]
    assert len(others) == 1
