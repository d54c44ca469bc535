"""Every inversion method, found through the registry, against the physics."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft as sf
from hypothesis import given
from hypothesis import strategies as st
from volumes import VOXEL, error, invert, three_balls

from qsmbids.errors import UsageError
from qsmbids.inversion import METHODS
from qsmbids.physics import slabs
from qsmbids.physics.gradient import (
    add_adjoint_difference,
    difference,
    laplacian_spectrum,
    spacing,
)

# The networks that are trained on the field itself take minutes with their defaults.
SLOW = {
    "zs-uqsm+": {"filters": 8, "patch_iterations": 60, "patch_size": 32, "iterations": 60},
    "dip": {"filters": 8, "iterations": 120},
}
# Networks with weights: what they reach depends on these; see the tests of the weights.
TRAINED = {name for name, entry in METHODS.items() if "weights" in entry.preset}
FAST = [method for method in METHODS if method not in {*SLOW, *TRAINED}]


@pytest.fixture(scope="module")
def balls():
    return three_balls()


# What each method reaches on noise-free balls; TKD and Tikhonov keep their streaks.
REACHED = {"tkd": 45, "tikhonov": 50, "ndi": 50, "tv": 12, "medi": 18}


@pytest.mark.parametrize("method", FAST)
def test_recovers_balls(method, balls):
    chi, field, mask = balls
    found = invert(field, mask, voxel_size=VOXEL, method=method)
    assert found.dtype == np.float32
    assert found.shape == chi.shape
    assert error(found, chi, mask) < REACHED[method]
    assert not found[~mask].any()
    assert abs(found[mask].mean(dtype=float)) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("method", SLOW)
def test_networks_trained_on_the_field_find_balls(method, balls):
    chi, field, mask = balls
    found = invert(field, mask, voxel_size=VOXEL, method=method, **SLOW[method])
    assert error(found, chi, mask) < 75
    assert np.corrcoef(found[mask], chi[mask])[0, 1] > 0.7
    assert not found[~mask].any()
    assert abs(found[mask].mean(dtype=float)) < 1e-6


@pytest.mark.parametrize("method", FAST)
@pytest.mark.parametrize(
    ("shape", "voxel_size", "b0_dir"),
    [
        ((45, 50, 40), VOXEL, (0.0, 0.34, 0.94)),
        ((45, 50, 23), (1.0, 1.0, 1.8), (0, 0, 1)),
        ((61, 45, 27), (0.8, 1.0, 1.5), (0.3, -0.2, 0.93)),
    ],
    ids=["oblique", "anisotropic", "both, odd sizes"],
)
def test_geometry_costs_little(method, shape, voxel_size, b0_dir, balls):
    chi, field, mask = balls
    straight = error(invert(field, mask, voxel_size=VOXEL, method=method), chi, mask)
    chi, field, mask = three_balls(shape, voxel_size, b0_dir)
    found = invert(field, mask, voxel_size=voxel_size, b0_dir=b0_dir, method=method)
    wrong = invert(field, mask, voxel_size=voxel_size, b0_dir=(1, 0, 0), method=method)
    assert error(found, chi, mask) < straight + 8
    assert error(found, chi, mask) < 0.7 * error(wrong, chi, mask)


@pytest.mark.parametrize("method", FAST)
def test_turning_the_head_turns_the_map(method):
    _, field, mask = three_balls((30, 34, 28), (1.0, 1.2, 0.9), (0.2, 0.5, 0.8))
    found = invert(field, mask, voxel_size=(1.0, 1.2, 0.9), b0_dir=(0.2, 0.5, 0.8), method=method)
    turned = invert(
        np.transpose(field, (2, 0, 1)),
        np.transpose(mask, (2, 0, 1)),
        voxel_size=(0.9, 1.0, 1.2),
        b0_dir=(0.8, 0.2, 0.5),
        method=method,
    )
    difference = np.transpose(turned, (1, 2, 0)) - found  # TKD jumps where D changes its sign
    assert np.linalg.norm(difference) < 5e-3 * np.linalg.norm(found)


@pytest.mark.parametrize("method", FAST)
def test_field_outside_the_mask_does_not_count(method, balls):
    _, field, mask = balls
    spoiled = np.where(mask, field, np.float32(np.nan))
    clean = np.where(mask, field, np.float32(0))
    a, b = (invert(f, mask, voxel_size=VOXEL, method=method) for f in (spoiled, clean))
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("method", ["ndi", "tv", "medi"])
def test_weight_shuts_out_a_wrong_voxel(method, balls):
    chi, field, mask = balls
    spoiled = field.copy()
    at = (slice(30, 33), slice(20, 23), slice(20, 23))
    spoiled[at] = 2.0
    weight = np.ones_like(field)
    weight[at] = 0
    kept = np.array(mask)
    kept[at] = False
    without = invert(spoiled, mask, voxel_size=VOXEL, method=method)
    with_weight = invert(spoiled, mask, voxel_size=VOXEL, method=method, weight=weight)
    assert error(with_weight, chi, kept) < 0.5 * error(without, chi, kept)


@pytest.mark.parametrize("method", ["ndi", "tv", "medi"])
def test_scale_of_the_weight_does_not_matter(method, balls):
    _, field, mask = balls
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.2, 1, field.shape).astype(np.float32)
    a, b = (
        invert(field, mask, voxel_size=VOXEL, method=method, weight=s * weight) for s in (1, 0.01)
    )
    np.testing.assert_allclose(a, b, atol=1e-4)


def test_tv_has_fewer_streaks_than_tkd(balls):
    chi, field, mask = balls
    noisy = field + np.random.default_rng(0).normal(0, 0.002, field.shape)
    away = mask & (chi == 0)
    streaks = {m: invert(noisy, mask, voxel_size=VOXEL, method=m)[away].std() for m in FAST}
    assert streaks["tv"] < 0.3 * streaks["tkd"]
    assert streaks["ndi"] < streaks["tkd"]


def test_more_regularization_is_smoother(balls):
    _, field, mask = balls

    def variation(chi):
        return sum(np.abs(np.diff(chi, axis=a)).sum() for a in range(3))

    maps = [invert(field, mask, voxel_size=VOXEL, regularization=r) for r in (1e-4, 1e-3, 1e-2)]
    first, second, third = (variation(m) for m in maps)
    assert first > second > third


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"field": np.zeros((6, 6, 6))}, "zero everywhere"),
        ({"field": np.full((6, 6, 6), np.nan)}, "NaN"),
        ({"field": np.ones((6, 6))}, "2 dimensions"),
        ({"mask": np.zeros((6, 6, 6))}, "mask is empty"),
        ({"mask": np.ones((6, 6, 5))}, "mask's shape"),
        ({"weight": np.ones((5, 6, 6))}, "weight's shape"),
        ({"voxel_size": (1, 1, 0)}, "voxel size"),
        ({"b0_dir": (0, 0, 0)}, "B0 direction"),
        ({"method": "tkd", "threshold": 0.9}, "threshold"),
        ({"method": "tikhonov", "regularization": 0}, "positive"),
        ({"method": "ndi", "iterations": 0}, "iteration"),
        ({"method": "ndi", "step": 5.0}, "step"),
        ({"method": "tv", "regularization": -1}, "positive"),
        ({"method": "medi", "regularization": 0}, "positive"),
        ({"method": "medi", "iterations": 0}, "iteration"),
        ({"method": "medi", "edges": 1}, "edges"),
    ],
)
def test_refuses(change, message):
    arguments = {"field": np.eye(6)[None] * np.ones((6, 1, 1)), "mask": np.ones((6, 6, 6))}
    with pytest.raises(ValueError, match=message):
        invert(**{**arguments, "voxel_size": VOXEL, **change})


@pytest.mark.parametrize(
    ("method", "option", "message"),
    [("tkd", "lambda_", "no option 'lambda_'"), ("magic", "x", "no inversion method")],
)
def test_unknown_names_are_usage_errors(method, option, message, balls):
    _, field, mask = balls
    with pytest.raises(UsageError, match=message):
        invert(field, mask, voxel_size=VOXEL, method=method, **{option: 1})


@given(seed=st.integers(0, 2**32 - 1), axis=st.integers(0, 2))
def test_difference_and_its_adjoint(seed, axis):
    a, b = np.random.default_rng(seed).normal(size=(2, 5, 6, 7)).astype(np.float32)
    scale = spacing((0.7, 1.1, 2.0))[axis]
    forward = difference(a, axis, scale, np.empty_like(a))
    backward = np.zeros_like(b)
    add_adjoint_difference(scale * b, axis, backward)
    assert np.vdot(forward, b) == pytest.approx(np.vdot(a, backward), abs=1e-3)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slabs_together_are_the_whole(monkeypatch, threads, axis):
    monkeypatch.setattr(slabs, "_VOXELS", 2 * 6 * 7)
    image = np.random.default_rng(0).normal(size=(5, 6, 7)).astype(np.float32)
    scale = np.float32(0.7)
    whole, back = difference(image, axis, scale, np.empty_like(image)), np.zeros_like(image)
    add_adjoint_difference(image, axis, back)
    parts, parts_back, seen = np.empty_like(image), np.zeros_like(image), []

    def work(slab):
        seen.append((slab.start, slab.stop))
        difference(image, axis, scale, parts[slab], slab)
        add_adjoint_difference(image, axis, parts_back[slab], slab)

    with sf.set_workers(threads):
        slabs.in_slabs(work, image.shape)
    assert sorted(seen) == [(0, 2), (2, 4), (4, 5)]
    np.testing.assert_array_equal(parts, whole)
    np.testing.assert_array_equal(parts_back, back)


def test_laplacian_spectrum_is_that_of_the_differences():
    size = (0.7, 1.1, 2.0)
    image = np.random.default_rng(0).normal(size=(5, 6, 7)).astype(np.float32)
    expected = np.zeros_like(image)
    for axis, scale in enumerate(spacing(size)):
        change = difference(image, axis, scale, np.empty_like(image))
        add_adjoint_difference(change * scale, axis, expected)
    spectrum = sf.rfftn(image) * laplacian_spectrum(image.shape, size)
    found = sf.irfftn(spectrum, image.shape)
    np.testing.assert_allclose(found, expected, atol=1e-5)
