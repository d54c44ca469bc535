"""Regions: what maps hold in them, their names, and the region that is zero."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qsmbids.regions import Parcellation, measure_regions
from qsmbids.regions.freesurfer import names_of
from qsmbids.regions.normal import iron, susceptibility_of
from qsmbids.regions.reference import FEWEST, reference_value
from qsmbids.regions.table import COLUMNS, rows

SHAPE = (12, 10, 8)


def two_boxes() -> Parcellation:
    labels = np.zeros(SHAPE, np.int32)
    labels[1:4, 2:8, 2:6] = 3
    labels[7:11, 2:8, 2:6] = 5
    return Parcellation(labels, {3: "left caudate", 5: "right caudate", 9: "splenium"})


def test_numbers_are_those_of_the_voxels_that_the_map_knows(rng: np.random.Generator) -> None:
    regions = two_boxes()
    chi = rng.normal(size=SHAPE).astype(np.float32)
    spread = rng.uniform(size=SHAPE).astype(np.float32)
    mask = np.zeros(SHAPE, bool)
    mask[:, 4:] = True
    left, right = measure_regions(chi, regions, mask, voxel_volume=1.5, uncertainty=spread)
    kept = (regions.labels == 3) & mask
    assert (left.index, left.region) == (3, "left caudate")
    assert left.voxels == kept.sum() == 3 * 4 * 4
    assert left.volume_mm3 == 1.5 * 3 * 6 * 4
    assert left.share_kept == pytest.approx(4 / 6)
    assert left.mean == pytest.approx(chi[kept].mean(), abs=1e-6)
    assert left.median == pytest.approx(np.median(chi[kept]), abs=1e-6)
    assert left.sd == pytest.approx(chi[kept].std(), abs=1e-6)
    assert left.uncertainty == pytest.approx(spread[kept].mean(), abs=1e-6)
    assert right.region == "right caudate"


def test_a_region_outside_of_the_mask_has_a_volume_and_no_numbers() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[:5] = True
    _, right = measure_regions(np.ones(SHAPE), two_boxes(), mask, voxel_volume=1)
    assert (right.voxels, right.share_kept) == (0, 0)
    assert right.volume_mm3 == 4 * 6 * 4
    assert math.isnan(right.mean)
    assert math.isnan(right.uncertainty)


def test_labels_on_another_grid_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        measure_regions(np.ones((3, 3, 3)), two_boxes(), np.ones(SHAPE), voxel_volume=1)


def test_a_name_without_a_side_means_both() -> None:
    regions = two_boxes()
    assert regions.find("caudate") == [3, 5]
    assert regions.find("Right-Caudate") == [5]
    assert np.array_equal(regions.where("caudate"), regions.labels > 0)


def test_rows_have_the_columns_of_the_table(rng: np.random.Generator) -> None:
    values = measure_regions(rng.normal(size=SHAPE), two_boxes(), np.ones(SHAPE), voxel_volume=1)
    first, _ = rows("Chimap", "tv", values)
    assert set(first) == set(COLUMNS)
    assert (first["map"], first["method"], first["region"]) == ("Chimap", "tv", "left caudate")


def test_iron_by_age_is_the_published_curve() -> None:
    # mg in 100 g at 30 years, as others have evaluated the curves of Hallgren and Sourander
    at_30 = {"caudate": 7.835, "putamen": 10.677, "pallidum": 20.341}
    for region, expected in at_30.items():
        assert iron(f"right {region}", 30.0) == pytest.approx(expected, abs=1e-3)
    assert susceptibility_of(at_30["pallidum"]) == pytest.approx(0.2238, abs=1e-4)
    assert iron("thalamus", 30.0) is None
    assert iron("putamen", float("nan")) is None


def test_names_are_those_of_the_colour_table() -> None:
    known = names_of([10, 51, 251, 1035, 2035, 999, 0])
    assert known == {
        10: "left thalamus",
        51: "right putamen",
        251: "splenium",
        1035: "left cortex 1035",
        2035: "right cortex 2035",
    }


def test_the_reference_is_a_regions_mean() -> None:
    regions, chi = two_boxes(), np.zeros(SHAPE)
    chi[regions.labels == 5] = 0.25
    assert reference_value(chi, chi == chi, "right caudate", [regions]) == pytest.approx(0.25)
    count = (regions.labels > 0).sum()
    both = 0.25 * (regions.labels == 5).sum() / count
    assert reference_value(chi, chi == chi, "caudate", [regions]) == pytest.approx(both)


def test_csf_is_the_ventricles_without_their_walls() -> None:
    labels = np.zeros(SHAPE, np.int32)
    labels[2:10, 2:8, 1:7] = 4
    regions = Parcellation(labels, {4: "left lateral ventricle"})
    chi = np.where(labels == 4, 0.5, 0.0)
    chi[3:9, 3:7, 2:6] = 0.1
    assert reference_value(chi, labels > 0, "csf", [regions]) == pytest.approx(0.1)


def test_a_reference_that_is_not_there_names_what_is() -> None:
    regions = two_boxes()
    with pytest.raises(ValueError, match="there are: left caudate, right caudate, splenium"):
        reference_value(np.zeros(SHAPE), np.ones(SHAPE), "dentate", [regions])
    few = np.zeros(SHAPE, bool)
    few[1, 2:8, 2] = True
    with pytest.raises(ValueError, match="only 6 voxels"):
        reference_value(np.zeros(SHAPE), few, "left caudate", [regions])
    assert few.sum() < FEWEST
