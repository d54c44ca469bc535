"""Total variation around a network's map."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, gaussian_filter
from volumes import VOXEL, error, invert, three_balls

from qsmbids.inversion import network_tv as method
from qsmbids.inversion.estimate import estimate, field_from_outside
from qsmbids.inversion.network_tv import second_share
from qsmbids.inversion.reconstruction import Reconstruction
from qsmbids.inversion.refinement import (
    LIMITS,
    RefineOptions,
    fitting_trust,
    refine,
    stray_field,
    strong_sources,
    unexplained_field,
)
from qsmbids.inversion.tv import minimise, tv
from qsmbids.physics import DipoleConvolution, Problem

AXIAL = {"voxel_size": VOXEL, "b0_dir": (0, 0, 1)}


@pytest.fixture(scope="module")
def balls():
    return three_balls((36, 40, 32))


def with_a_source_outside(field, mask):
    """Return the field with that of 1 ppm beside the mask, and that alone."""
    blob = np.zeros(mask.shape, np.float32)
    x = int(np.flatnonzero(mask[:, 20, 16]).max()) + 2
    blob[x : x + 4, 17:24, 13:20] = 1
    outside = DipoleConvolution(mask.shape, **AXIAL)(blob) * mask
    return field + outside, outside


def solved(field, mask, prior, trust):
    return minimise(Problem(field, mask, **AXIAL), 0.15, prior=prior, trust=trust)


def test_without_trust_it_is_total_variation_and_with_much_it_is_the_prior(balls):
    chi, field, mask = balls
    prior = np.where(mask, gaussian_filter(chi, 1.5), 0).astype(np.float32)
    alone = tv(Problem(field, mask, **AXIAL))
    np.testing.assert_allclose(solved(field, mask, prior, 0.0), alone, atol=1e-6)
    assert error(solved(field, mask, prior, 100.0), prior, mask) < 1


def test_a_start_shortens_the_way_and_does_not_change_where_it_leads(balls, monkeypatch):
    monkeypatch.setattr("qsmbids.inversion.tv.coarser", lambda *_, **__: None)
    monkeypatch.setattr("qsmbids.inversion.tv.FROM_ZERO", 1)
    _, field, mask = balls
    problem = Problem(field, mask, **AXIAL)
    limit = minimise(problem, 0.15, 300, 1e-6)
    nearby = minimise(problem, 0.15, 40, 1e-6)
    few, more = (minimise(problem, 0.15, n, 1e-6, start=nearby) for n in (5, 300))
    assert error(few, limit, mask) < 0.1 * error(minimise(problem, 0.15, 5), limit, mask)
    assert error(few, limit, mask) < error(nearby, limit, mask)
    assert error(more, limit, mask) < 0.5


def test_a_start_is_worth_the_iterations_that_led_to_it(balls):
    _, field, mask = balls
    problem = Problem(field, mask, **AXIAL)
    limit = minimise(problem, 0.15, 300, 1e-6)
    nearby = minimise(problem, 0.15, 10, 1e-6)
    few, more = (minimise(problem, 0.15, n, 1e-6, start=nearby) for n in (10, 300))
    assert error(few, limit, mask) < 0.5 * error(nearby, limit, mask)
    assert error(more, limit, mask) < 0.1


def test_a_coarser_grid_shortens_the_way_and_does_not_change_where_it_leads(balls, monkeypatch):
    _, field, mask = balls
    problem = Problem(field, mask, **AXIAL)
    few, limit = (minimise(problem, 0.15, n, 1e-6) for n in (20, 300))
    monkeypatch.setattr("qsmbids.inversion.tv.coarser", lambda *_, **__: None)
    cold, same = (minimise(problem, 0.15, n, 1e-6) for n in (20, 300))
    assert error(same, limit, mask) < 0.5
    assert error(few, limit, mask) < 0.5 * error(cold, limit, mask)


def test_a_good_prior_helps_where_the_field_holds_errors(balls):
    chi, field, mask = balls
    rng = np.random.default_rng(0)
    wrong = gaussian_filter(rng.standard_normal(mask.shape), 2)
    wrong *= 0.6 * field[mask].std() / wrong[mask].std()
    spoilt = np.where(mask, field + wrong, 0).astype(np.float32)
    alone, around = (solved(spoilt, mask, chi, trust) for trust in (0.0, 0.1))
    assert error(around, chi, mask) < 0.7 * error(alone, chi, mask)


def test_a_prior_says_nothing_of_sources_outside_the_mask(balls):
    chi, field, mask = balls
    spilt, _ = with_a_source_outside(field, mask)
    found = solved(spilt, mask, chi, 0.3)
    assert error(found, chi, mask) < 2
    dipole = DipoleConvolution(mask.shape, **AXIAL)
    assert error(dipole(found), spilt, mask) < 0.3 * error(field, spilt, mask)


def test_trust_follows_what_the_prior_leaves_of_the_field(balls):
    chi, field, mask = balls
    problem = Problem(field, mask, **AXIAL)
    left = [unexplained_field(share * chi, problem) for share in (1.0, 0.85, 0.8, 0.0)]
    trusts = [fitting_trust(unexplained) for unexplained in left]
    assert trusts == sorted(trusts)
    assert (trusts[0], trusts[-1]) == LIMITS
    assert LIMITS[0] < trusts[1] < trusts[2] < LIMITS[1]
    scaled = unexplained_field(2.4 * chi, Problem(3 * field, mask, **AXIAL))
    assert scaled == pytest.approx(left[2], rel=1e-3)


def test_stray_errors_raise_the_trust_and_normal_ones_do_not(balls):
    chi, field, mask = balls
    rng = np.random.default_rng(0)
    normal = 0.5 * field[mask].std() * rng.standard_normal(mask.shape)
    stray = np.where(rng.random(mask.shape) < 0.05, 8, 0.3) * normal
    strays = [
        stray_field(
            chi, Problem(np.where(mask, field + error, 0).astype(np.float32), mask, **AXIAL)
        )
        for error in (0 * normal, normal, stray)
    ]
    assert max(strays[:2]) < 0.02
    assert strays[2] > 0.1
    spoilt = Problem(np.where(mask, field + stray, 0).astype(np.float32), mask, **AXIAL)
    trust = refine(lambda _: chi, spoilt, RefineOptions(strong=0)).details["PriorTrust"]
    assert trust > fitting_trust(unexplained_field(chi, spoilt))


def two_networks(monkeypatch, maps):
    """Let each weights' name stand for a map; return the names in the order of their use."""
    used = []

    def network(problem, *, weights, **_):
        used.append(weights)
        return Reconstruction(maps[weights], details={"Weights": {"Name": weights}})

    monkeypatch.setattr(method, "network", network)
    return used


def test_a_second_network_comes_in_where_much_of_the_field_is_unexplained(monkeypatch, balls):
    chi, field, mask = balls
    mean = np.where(mask, chi - chi[mask].mean(), 0).astype(np.float32)
    maps = {"a": 0.1 * mean, "b": 0.5 * mean}
    used = two_networks(monkeypatch, maps)
    monkeypatch.setattr(method, "SIZE", np.abs(field[mask]).mean())
    given = {
        "weights": "a",
        "second": "b",
        "how": RefineOptions(trust=1e4, strong=0),
        "uncertainty": False,
    }
    both = method.network_tv(Problem(field, mask, **AXIAL), **given)
    assert used == ["a", "b"]
    assert both.details["SecondNetwork"] == {"Share": 0.5, "Name": "b"}
    assert error(both.chi, 0.3 * mean, mask) < 2
    used.clear()
    one = method.network_tv(Problem(field, mask, **AXIAL), share=0.0, **given)
    assert (used, "SecondNetwork" in one.details) == (["a"], False)
    maps["a"] = mean
    explained = method.network_tv(Problem(field, mask, **AXIAL), **given)
    assert "SecondNetwork" not in explained.details


def test_the_second_share_grows_from_nothing_to_its_most():
    shares = [float(second_share(left, 0.4)) for left in (0.1, 0.2, 0.25, 0.3, 0.9)]
    assert shares == pytest.approx([0, 0, 0.2, 0.4, 0.4])


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_an_impossible_share_is_refused(balls, share):
    _, field, mask = balls
    with pytest.raises(ValueError, match="share of the second network"):
        method.network_tv(Problem(field, mask, **AXIAL), share=share)


def test_a_strong_source_casts_no_shadow_of_the_network(balls):
    weak, _, mask = balls
    chi = (0.05 * weak / np.abs(weak).max()).astype(np.float32)
    chi[17:20, 19:22, 15:18] = 1.5
    field = np.where(mask, DipoleConvolution(mask.shape, **AXIAL)(chi), 0).astype(np.float32)
    seen = []

    def solve(part):
        """Stand in for a network: truncated division leaves streaks around what is strong."""
        seen.append(part)
        return invert(part, mask, **AXIAL, method="tkd")

    problem = Problem(field, mask, **AXIAL)
    once, _, told = refine(solve, problem, RefineOptions(trust=0.1, strong=0))
    assert (told["StrongSourceVoxels"], len(seen)) == (0, 1)
    twice, _, told = refine(solve, problem, RefineOptions(trust=0.1))
    assert 27 <= told["StrongSourceVoxels"] < 500
    assert len(seen) == 2
    around = mask & ~binary_dilation(chi == 1.5, iterations=3)
    assert error(twice, chi, around) < 0.5 * error(once, chi, around)


def test_an_estimate_shows_strong_sources(balls):
    weak, _, mask = balls
    chi = (0.05 * weak / np.abs(weak).max()).astype(np.float32)
    chi[17:20, 19:22, 15:18] = 1.5
    dipole = DipoleConvolution(mask.shape, **AXIAL)
    field = np.where(mask, dipole(chi), 0).astype(np.float32)
    seen = []

    def solve(part):
        seen.append(part)
        return np.zeros_like(part)

    problem = Problem(field, mask, **AXIAL, estimate=np.where(mask, chi, 0))
    told = refine(solve, problem, RefineOptions(trust=0.1)).details
    assert (told["StrongSourceVoxels"], len(seen)) == (27, 1)
    strong = np.where(chi == 1.5, chi - chi[mask].mean(), 0).astype(np.float32)
    np.testing.assert_allclose(seen[0], np.where(mask, field - dipole(strong), 0), atol=1e-6)


def test_the_network_does_not_see_the_field_of_sources_outside_the_mask(balls):
    chi, field, mask = balls
    seen = []

    def solve(part):
        seen.append(part)
        return chi

    spilt, outside = with_a_source_outside(field, mask)
    found = refine(solve, Problem(spilt, mask, **AXIAL), RefineOptions(strong=0))
    assert error(seen[0], field, mask) < 0.5 * error(spilt, field, mask)
    np.testing.assert_array_equal(seen[0], np.where(mask, found.inner.field, 0))
    share = outside[mask].std() / spilt[mask].std()
    assert 0.5 * share < found.details["FieldFromOutside"] < 1.1 * share
    assert found.details["UnexplainedField"] > 1.5 * unexplained_field(chi, found.inner)


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_where_nothing_lies_outside_next_to_nothing_is_taken_off(balls, noise):
    _, field, mask = balls
    error = noise * field[mask].std() * np.random.default_rng(0).standard_normal(mask.shape)
    problem = Problem(np.where(mask, field + error, 0).astype(np.float32), mask, **AXIAL)
    rough = estimate(problem)
    taken = field_from_outside(rough, problem)[mask].std()
    fitted = problem.dipole(np.where(mask, 0, rough).astype(np.float32))[mask].std()
    assert taken < 0.3 * 0.02 * field[mask].std()
    assert 0.3 * fitted < 0.02 * field[mask].std()
    # without any noise the fit leaves next to no error to tell the outside's field from
    assert taken < 0.3 * fitted or not noise


def test_strong_sources_do_not_lift_the_brain(balls):
    weak, _, mask = balls
    chi = (0.05 * weak / np.abs(weak).max()).astype(np.float32)
    chi[15:21, 17:23, 13:19] = 1.5
    field = np.where(mask, DipoleConvolution(mask.shape, **AXIAL)(chi), 0).astype(np.float32)

    def solve(part):
        return invert(part, mask, **AXIAL, method="tkd")

    found, _, told = refine(solve, Problem(field, mask, **AXIAL), RefineOptions(trust=100.0))
    assert told["StrongSourceVoxels"]
    assert abs(found[mask].mean()) < 0.1 * chi[mask].mean()


def test_weak_sources_are_left_to_the_network(balls):
    chi, field, mask = balls
    calls = []

    def solve(part):
        calls.append(part)
        return np.where(mask, 0.5 * chi, 0).astype(np.float32)

    problem = Problem(field, mask, **AXIAL)
    found = refine(solve, problem, RefineOptions(trust=0.1, strong=1e6))
    assert (len(calls), found.details["StrongSourceVoxels"]) == (1, 0)
    np.testing.assert_array_equal(calls[0], np.where(mask, found.inner.field, 0))


def test_a_strong_source_reaches_to_half_of_the_threshold_and_has_its_sign():
    chi = np.zeros((16, 16, 16), np.float32)
    chi[6:11, 6:11, 6:11] = -0.2
    chi[7:10, 7:10, 7:10] = -0.6
    chi[6, 6, 6] = 0.2  # of another sign
    chi[8, 8, 11:] = -0.1
    chi[1:4, 1:4, 1:4] = 0.25  # weak, and not connected
    chi[chi == 0] = 0.01  # three quarters of all voxels are no larger
    mask = np.ones(chi.shape, bool)
    expected = np.where(chi < -0.15, chi, 0)
    np.testing.assert_array_equal(strong_sources(chi, mask, 30), expected)
    np.testing.assert_array_equal(strong_sources(chi / 4, mask, 30), expected / 4)


def test_a_voxel_of_noise_is_no_strong_source():
    chi = np.random.default_rng(0).normal(0, 0.2, (20, 20, 20)).astype(np.float32)
    limit = 2.2 * np.percentile(np.abs(chi), 75)
    assert (np.abs(chi) > limit).any()
    assert not strong_sources(chi, np.ones(chi.shape, bool), 2.2).any()


def test_an_edge_of_the_magnitude_costs_the_map_less(balls):
    chi, field, mask = balls
    rng = np.random.default_rng(0)
    noise = 0.3 * field[mask].std() * rng.standard_normal(mask.shape)
    spoilt = np.where(mask, field + noise, 0).astype(np.float32)

    def found(magnitude, **options):
        problem = Problem(spoilt, mask, **AXIAL, magnitude=magnitude)
        how = RefineOptions(trust=1e-3, regularization=0.5, **options)
        return refine(np.zeros_like, problem, how)

    without, helped = found(None), found(1 + chi / np.abs(chi).max())
    assert (without.details["MagnitudeEdges"], helped.details["MagnitudeEdges"]) == (False, True)
    assert error(helped.chi, chi, mask) < 0.95 * error(without.chi, chi, mask)
    np.testing.assert_array_equal(found(chi, edges=0).chi, without.chi)
