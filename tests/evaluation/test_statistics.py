"""Summaries, paired tests, and agreement over regions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsmbids.evaluation import (
    Regions,
    compare,
    diamagnetic_lesion,
    measure_agreement,
    region_means,
    regions_by_name,
    summarise,
)
from qsmbids.evaluation.paired_tests import holm


def scores(**methods: list[float]) -> dict[str, dict[str, dict[str, float]]]:
    return {
        name: {f"sub-{i}": {"nrmse": value} for i, value in enumerate(values)}
        for name, values in methods.items()
    }


def test_summary_is_mean_and_sample_deviation_of_finite_values() -> None:
    [one] = summarise(scores(a=[1.0, 2.0, 6.0, math.nan, math.inf]))
    assert (one.mean, one.n) == (3.0, 3)
    assert one.sd == pytest.approx(np.std([1, 2, 6], ddof=1))


def test_paired_tests_have_known_values() -> None:
    # textbook: Gosset's additional hours of sleep, ten patients, two drugs
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    [test] = compare(scores(first=first, second=second))
    assert test.n == 10
    assert test.difference == pytest.approx(-1.58)
    assert test.p_t == pytest.approx(0.00283289, rel=1e-4)
    assert test.cohens_dz == pytest.approx(-1.58 / 1.229995, rel=1e-5)
    assert test.rank_biserial == -1
    assert test.note == ""


def test_only_subjects_with_both_count() -> None:
    [test] = compare(
        {
            "a": {"x": {"nrmse": 1.0}, "y": {"nrmse": 2.0}, "z": {"nrmse": math.nan}},
            "b": {"y": {"nrmse": 5.0}, "z": {"nrmse": 1.0}, "w": {"nrmse": 9.0}},
        }
    )
    assert (test.n, test.difference) == (1, -3.0)
    assert math.isnan(test.p_t)
    assert "one subject" in test.note


def test_few_subjects_and_equal_methods_are_told() -> None:
    few = compare(scores(a=[1, 2, 3], b=[2, 4, 7], c=[9, 8, 12]))
    assert all("too small" in test.note for test in few)
    # six pairs reach 0.031 alone, and with three pairs of methods no longer 0.05
    rising = [float(i) for i in range(6)]
    many = scores(a=rising, b=[2 * i + 1 for i in rising], c=[4 * i + 9 for i in rising])
    assert all("0.094" in test.note for test in compare(many))
    [same] = compare(scores(a=[1, 2, 3], b=[1, 2, 3]))
    assert "no differences" in same.note
    assert math.isnan(same.p_wilcoxon)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_never_lowers_p_and_keeps_the_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, corrected, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff(np.array(corrected)[order]) >= 0)
    assert min(corrected) == pytest.approx(min(min(p_values) * len(p_values), 1))


def test_holm_leaves_out_what_is_unknown() -> None:
    first, unknown, last = holm([0.02, math.nan, 0.5])
    assert (first, last) == (0.04, 0.5)
    assert math.isnan(unknown)


def test_agreement_of_a_scaled_and_shifted_map() -> None:
    x = [0.0, 0.1, 0.3, 0.4]
    found = measure_agreement(x, [0.5 * v + 0.02 for v in x])
    assert (found.slope, found.intercept) == pytest.approx((0.5, 0.02))
    assert found.r_squared == pytest.approx(1)
    differences = [-0.5 * v + 0.02 for v in x]
    assert found.bias == pytest.approx(np.mean(differences))
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.std(differences, ddof=1))
    assert math.isnan(measure_agreement([0.1, 0.2], [0.1, 0.2]).slope)


def test_region_means_are_relative_to_the_mask_and_leave_out_empty_regions(
    rng: np.random.Generator,
) -> None:
    reference = rng.normal(0, 0.1, (8, 8, 8))
    mask = np.zeros((8, 8, 8), bool)
    mask[1:7, 1:7, 1:7] = True
    part = np.zeros_like(mask)
    part[0:3, 2, 2] = True
    means = region_means(
        2 * reference + 5, reference, mask, {"red": part, "gone": np.zeros_like(mask)}
    )
    expected = reference[1:3, 2, 2].mean() - reference[mask].mean()
    assert means == {"red": pytest.approx((expected, 2 * expected))}


def test_lesion_is_the_strongest_and_no_single_voxel() -> None:
    chi = np.zeros((20, 20, 20))
    chi[2:4, 2:4, 2] = -0.6
    chi[10:12, 10:12, 10] = -1.0
    chi[15, 15, 15] = -5.0
    mask = np.ones_like(chi, bool)
    found = diamagnetic_lesion(chi, mask)
    assert found.sum() == 4
    assert found[10, 10, 10]
    mask[10:12] = False
    assert diamagnetic_lesion(chi, mask)[2, 2, 2]
    assert not diamagnetic_lesion(0.1 * chi, mask).any()


def test_regions_are_found_by_the_names_of_other_atlases() -> None:
    names = {1: "Left-Putamen", 2: "Right_Putamen", 3: "Gray matter", 4: "Hypothalamus"}
    found: Regions = regions_by_name(np.arange(6).reshape(1, 2, 3), names)
    assert np.asarray(found.nuclei["putamen"]).ravel().tolist() == [
        *(False, True, True),
        *(False, False, False),
    ]
    assert np.flatnonzero(found.tissue).tolist() == [3]
    assert not np.any(found.nuclei["dentate"])
