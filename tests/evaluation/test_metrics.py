"""The metrics: against the public leaderboard's scorer, scikit-image and their own definitions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import normalized_root_mse, peak_signal_noise_ratio
from volumes import invert

from benchmarks.heads import SEGMENTATION
from qsmbids.evaluation import METRICS, Regions, evaluate, regions_of
from qsmbids.simulation import TISSUES, HeadRecipe, simulate_head

# our names for the scorer's
NAMES = {
    "nrmse": "nrmse",
    "hfen": "hfen",
    "xsim": "xsim",
    "dnrmse": "nrmse_detrend",
    "dnrmse_tissue": "nrmse_tissue",
    "dnrmse_blood": "nrmse_blood",
    "dnrmse_deep_grey": "nrmse_dgm",
    "deviation_from_linear_slope": "dgm_linearity",
    "calcification_streak": "calc_streak",
    "calcification_moment": "calc_moment_dev",
    "coverage": "coverage",
}


def segments(labels):
    """Return a simulated head's labels in the numbers of the scorer."""
    seg = np.zeros(labels.shape, np.int32)
    for name, number in SEGMENTATION.items():
        seg[labels == TISSUES[name].label] = number
    return seg


def scored(chi, reference, mask, labels):
    """Return the scorer's values under our names."""
    scorer = pytest.importorskip("qsm_ci.qsm_eval")
    arrays = [np.asarray(image, float) for image in (chi, reference)]
    found, _ = scorer.score_arrays(*arrays, mask.astype(np.uint8), "chi", seg=segments(labels))
    return {ours: found[theirs] for ours, theirs in NAMES.items()}


def agree(found, expected):
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), name


@pytest.fixture(scope="module")
def head():
    return simulate_head(HeadRecipe(shape=(60, 72, 64), voxel_size=(3, 3, 3), seed=1))


@pytest.fixture(scope="module")
def maps(head):
    where = {"voxel_size": head.voxel_size, "b0_dir": head.b0_dir}
    return {m: invert(head.local_field, head.brain_mask, method=m, **where) for m in ("tkd", "ndi")}


def noise(seed, shape=(21, 18, 23)):
    """Return a random map, reference, mask and labels; every label lies in the mask."""
    rng = np.random.default_rng(seed)
    reference = rng.normal(0, 0.05, shape)
    chi = rng.uniform(0.3, 1.3) * reference + rng.normal(0, 0.03, shape)
    mask = np.zeros(shape, bool)
    mask[2:-2, 2:-2, 2:-2] = rng.random((shape[0] - 4, shape[1] - 4, shape[2] - 4)) < 0.9
    labels = np.where(mask, rng.integers(0, 12, shape), 0)
    corner = tuple(rng.integers(3, n - 6) for n in shape)
    box = tuple(slice(c, c + 3) for c in corner)
    mask[box], labels[box], reference[box] = True, TISSUES["calcification"].label, -2.2
    chi[box] = rng.uniform(-2.5, -0.5)
    return chi, reference, mask, labels


@given(seed=st.integers(0, 2**32 - 1), demean=st.booleans())
def test_equals_the_leaderboard_on_random_maps(seed, demean):
    chi, reference, mask, labels = noise(seed)
    found = evaluate(chi, reference, mask, regions=regions_of(labels), demean=demean)
    if demean:
        chi, reference = (image - image[mask].mean() for image in (chi, reference))
    agree(found, scored(chi, reference, mask, labels))


@pytest.mark.parametrize("method", ["tkd", "ndi"])
def test_equals_the_leaderboard_on_a_simulated_head(method, head, maps):
    chi, mask = maps[method], head.brain_mask
    inside = np.where(mask, head.labels, 0)
    found = evaluate(chi, head.chi_brain, mask, regions=regions_of(head.labels), demean=False)
    agree(found, scored(chi, head.chi_brain, mask, inside))
    assert all(np.isfinite(value) for value in found.values())


def test_missing_and_broken_voxels_count_as_the_leaderboard_counts_them():
    chi, reference, mask, labels = noise(5)
    chi[:8], chi[8:10], chi[10] = 0, np.nan, np.inf
    found = evaluate(chi, reference, mask, regions=regions_of(labels), demean=False)
    agree(found, scored(chi, reference, mask, labels))
    assert found["coverage"] < 0.6


def test_calcification_that_does_not_stand_out():
    chi, reference, mask, labels = noise(6)
    chi = np.abs(chi)
    found = evaluate(chi, reference, mask, regions=regions_of(labels), demean=False)
    agree(found, scored(chi, reference, mask, labels))
    assert np.isnan(found["calcification_streak"])
    assert found["calcification_moment"] == pytest.approx(27 * 2.2)


def test_calcification_in_a_corner_with_values_below_every_threshold():
    chi, reference, mask, labels = noise(7)
    mask[:], labels[:], labels[:2, :2, :2] = True, 1, TISSUES["calcification"].label
    chi[5, 5, 5], chi[0, 0, 0] = -4.0, -6.0
    found = evaluate(chi, reference, mask, regions=regions_of(labels), demean=False)
    agree(found, scored(chi, reference, mask, labels))


@given(seed=st.integers(0, 2**32 - 1))
def test_psnr_and_nrmse_equal_scikit_image(seed):
    chi, reference, mask, _ = noise(seed)
    a, b = (np.where(mask, i - i[mask].mean(), 0) for i in (chi, reference))
    found = evaluate(chi, reference, mask)
    span = max(a.max(), b.max()) - min(a.min(), b.min())
    assert found["psnr"] == pytest.approx(peak_signal_noise_ratio(b, a, data_range=span), rel=1e-9)
    assert found["nrmse"] == pytest.approx(100 * normalized_root_mse(b[mask], a[mask]), rel=1e-9)


@given(seed=st.integers(0, 2**32 - 1))
def test_ssim_equals_dense_windows_on_a_scale_of_255(seed):
    chi, reference, mask, _ = noise(seed)
    a, b = (np.where(mask, i - i[mask].mean(), 0) for i in (chi, reference))
    low = min(a[mask].min(), b[mask].min())
    a, b = (np.where(mask, i - low, 0) for i in (a, b))
    a, b = (255 * i / max(a.max(), b.max()) for i in (a, b))
    offset = np.arange(-2, 3)
    squared = sum(np.square(o) for o in np.meshgrid(offset, offset, offset))
    window = np.exp(-squared / (2 * 1.5**2))
    window /= window.sum()

    def smooth(image):
        return scipy.signal.convolve(image, window, mode="same", method="direct")

    ma, mb, c1, c2 = smooth(a), smooth(b), (0.01 * 255) ** 2, (0.03 * 255) ** 2
    top = (2 * ma * mb + c1) * (2 * (smooth(a * b) - ma * mb) + c2)
    bottom = (ma**2 + mb**2 + c1) * (smooth(a * a) - ma**2 + smooth(b * b) - mb**2 + c2)
    expected = (top / bottom)[mask].mean()
    assert evaluate(chi, reference, mask)["ssim"] == pytest.approx(expected, rel=1e-9)


def test_equal_maps_are_perfect(head):
    mask = head.brain_mask
    found = evaluate(head.chi, head.chi, mask, regions=regions_of(head.labels))
    del found["calcification_moment"]  # of what stands out, not of the labels
    del found["coverage"]
    best = {"psnr": np.inf, "ssim": 1, "xsim": 1}
    for name, value in found.items():
        assert value == pytest.approx(best.get(name, 0), abs=1e-9), name


def test_table_tells_which_way_is_better(head, maps):
    good = head.chi_brain + 0.2 * (maps["ndi"] - head.chi_brain)
    regions = regions_of(head.labels)
    better, worse = (
        evaluate(chi, head.chi_brain, head.brain_mask, regions=regions)
        for chi in (good, maps["tkd"])
    )
    assert list(better) == list(METRICS)
    for name, metric in METRICS.items():
        if name == "coverage":
            continue
        lower, higher = (better, worse) if metric.better == "lower" else (worse, better)
        assert lower[name] < higher[name], name


def test_the_mean_and_the_outside_do_not_count():
    chi, reference, mask, labels = noise(3)
    plain = evaluate(chi, reference, mask, regions=regions_of(labels))
    spoiled = np.where(mask, chi + 0.7, np.nan)
    shifted = evaluate(
        spoiled, np.where(mask, reference - 0.2, np.inf), mask, regions=regions_of(labels)
    )
    agree(shifted, plain)


@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(0.1, 10))
def test_detrended_error_ignores_the_scale(seed, scale):
    chi, reference, mask, _ = noise(seed)
    a, b = (evaluate(s * chi, reference, mask)["dnrmse"] for s in (1, scale))
    assert a == pytest.approx(b, rel=1e-9)


@pytest.mark.parametrize("regions", [None, Regions(), regions_of(np.zeros((21, 18, 23), int))])
def test_empty_regions_are_nan_and_the_rest_stands(regions):
    chi, reference, mask, _ = noise(4)
    found = evaluate(chi, reference, mask, regions=regions)
    whole = {"psnr", "nrmse", "hfen", "ssim", "xsim", "dnrmse", "coverage"}
    assert {name for name, value in found.items() if np.isfinite(value)} == whole


def test_map_of_zeros_and_constant_reference_do_not_crash():
    _, reference, mask, labels = noise(4)
    found = evaluate(np.zeros_like(reference), reference, mask, regions=regions_of(labels))
    assert found["nrmse"] == pytest.approx(100)
    assert found["coverage"] == 0
    found = evaluate(reference, np.ones_like(reference), mask, regions=regions_of(labels))
    assert np.isnan(found["nrmse"])
    assert np.isnan(found["hfen"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": np.zeros((6, 6, 6))}, "mask is empty"),
        ({"mask": np.ones((6, 6, 5))}, "mask's shape"),
        ({"reference": np.ones((5, 6, 6))}, "reference's shape"),
        ({"reference": np.full((6, 6, 6), np.nan)}, "reference holds NaN"),
        ({"chi": np.ones((6, 6))}, "2 dimensions"),
        ({"regions": Regions(tissue=np.ones((5, 6, 6)))}, "region's shape"),
    ],
)
def test_refuses(change, message):
    ones = {name: np.ones((6, 6, 6)) for name in ("chi", "reference", "mask")}
    with pytest.raises(ValueError, match=message):
        evaluate(**{**ones, **change})
