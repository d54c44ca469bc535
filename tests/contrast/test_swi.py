"""Susceptibility-weighted images of a simulated head, whose veins are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from qsmbids.contrast.swi import susceptibility_weighted
from qsmbids.physics import radians_per_ppm
from qsmbids.simulation import TISSUES

ONE = {"echo_times": (0.02,), "field_strength": 3.0, "voxel_size": (1.0, 1.0, 2.0)}


@pytest.fixture
def weighted(head):
    return susceptibility_weighted(
        head.magnitude,
        head.local_field,
        head.brain_mask,
        echo_times=head.echo_times,
        field_strength=head.field_strength,
        voxel_size=head.voxel_size,
    )


def darkness(image, veins, around):
    """Return how much darker veins are than what lies around them, as a share of that."""
    return 1 - image[veins].mean() / image[around].mean()


def test_veins_thinner_than_a_voxel_stand_out_more_than_in_the_magnitude(head, weighted):
    tissue = np.isin(head.labels, [TISSUES[n].label for n in ("white matter", "grey matter")])
    tissue &= ndimage.binary_erosion(head.brain_mask, iterations=2)
    veins = tissue & (head.paramagnetic > 0.05)
    around = tissue & ndimage.binary_dilation(veins, iterations=3) & ~ndimage.binary_dilation(veins)
    magnitude = darkness(head.magnitude.mean(0), veins, around)
    assert magnitude > 0.05
    assert darkness(weighted.swi, veins, around) > 1.2 * magnitude
    assert darkness(weighted.minimum, veins, around) > 1.4 * magnitude


def test_only_a_positive_field_darkens_and_only_in_the_mask(head, weighted):
    plain = head.magnitude.mean(0)
    assert np.all(weighted.swi <= plain * (1 + 1e-6))
    np.testing.assert_allclose(weighted.swi[~head.brain_mask], plain[~head.brain_mask])
    assert np.all(weighted.minimum[~head.brain_mask] == 0)
    assert np.all(weighted.minimum <= weighted.swi)


def field_of(phase):
    """Return a field that makes this phase at the echo time of `ONE`, and a full mask."""
    field = np.full((6, 6, 8), phase / radians_per_ppm(3.0, 0.02), np.float32)
    return field, np.ones(field.shape, bool)


@pytest.mark.parametrize(
    ("phase", "factor"), [(np.pi / 2, 0.5**4), (np.pi, 0), (4.0, 0), (0, 1), (-1.5, 1)]
)
def test_the_mask_falls_from_one_to_zero_over_half_a_turn(phase, factor):
    """Haacke et al. 2004: (pi - phase) / pi, four times; beyond half a turn nothing comes back."""
    magnitude = np.full((1, 6, 6, 8), 3, np.float32)
    found = susceptibility_weighted(magnitude, *field_of(phase), **ONE, high_pass=0)
    np.testing.assert_allclose(found.swi, 3 * factor, atol=1e-5)


def test_the_filter_takes_a_field_away_that_does_not_vary():
    magnitude = np.ones((1, 6, 6, 8), np.float32)
    found = susceptibility_weighted(magnitude, *field_of(1.0), **ONE)
    np.testing.assert_allclose(found.swi, 1, atol=1e-5)


def test_the_projection_is_the_minimum_over_a_slab_of_the_mask():
    magnitude = np.ones((1, 5, 5, 20), np.float32)
    magnitude[0, 2, 2, 10] = 0.25
    magnitude[0, 1, 1, 10] = 0.1
    mask = np.ones((5, 5, 20), bool)
    mask[1, 1, 10] = False
    field = np.zeros(mask.shape, np.float32)
    found = susceptibility_weighted(magnitude, field, mask, **ONE, slab=10.0)  # five slices
    dark = np.flatnonzero(found.minimum[2, 2] < 0.5)
    assert dark.tolist() == [8, 9, 10, 11, 12]
    assert found.minimum[1, 1, 9] == 1  # what lies outside does not count
    assert found.minimum[1, 1, 10] == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"echo_times": (0.01, 0.02)}, "1 echoes have 2 echo times"),
        ({"slab": 0}, "slab must be positive"),
        ({"high_pass": -1}, "high_pass at least 0"),
    ],
)
def test_wrong_arguments(changed, message):
    magnitude = np.ones((1, 6, 6, 8), np.float32)
    with pytest.raises(ValueError, match=message):
        susceptibility_weighted(magnitude, *field_of(0), **{**ONE, **changed})
