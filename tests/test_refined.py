"""Total variation around a network's map."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from test_inversion import VOXEL, error, phantom

from qsmbids.inversion.refined import LIMITS, fitting_trust
from qsmbids.inversion.tv import minimise, tv

AXIAL = {"voxel_size": VOXEL, "b0_dir": (0, 0, 1)}


@pytest.fixture(scope="module")
def balls():
    return phantom((36, 40, 32))


def solved(field, mask, prior, trust):
    return minimise(
        field, mask, **AXIAL, weight=None, regularization=0.15, prior=prior, trust=trust,
    )  # fmt: skip


def test_without_trust_it_is_total_variation_and_with_much_it_is_the_prior(balls):
    chi, field, mask = balls
    prior = np.where(mask, gaussian_filter(chi, 1.5), 0).astype(np.float32)
    np.testing.assert_allclose(solved(field, mask, prior, 0.0), tv(field, mask, **AXIAL), atol=1e-6)
    assert error(solved(field, mask, prior, 100.0), prior, mask) < 1


def test_a_good_prior_helps_where_the_field_holds_errors(balls):
    chi, field, mask = balls
    rng = np.random.default_rng(0)
    wrong = gaussian_filter(rng.standard_normal(mask.shape), 2)
    wrong *= 0.6 * field[mask].std() / wrong[mask].std()
    spoilt = np.where(mask, field + wrong, 0).astype(np.float32)
    alone, around = (solved(spoilt, mask, chi, trust) for trust in (0.0, 0.1))
    assert error(around, chi, mask) < 0.7 * error(alone, chi, mask)


def test_trust_follows_what_the_prior_leaves_of_the_field(balls):
    chi, field, mask = balls
    trusts = [fitting_trust(share * chi, field, mask, **AXIAL) for share in (1.0, 0.85, 0.8, 0.0)]
    assert trusts == sorted(trusts)
    assert (trusts[0], trusts[-1]) == LIMITS
    assert LIMITS[0] < trusts[1] < trusts[2] < LIMITS[1]
    scaled = fitting_trust(2.4 * chi, 3 * field, mask, **AXIAL)
    assert scaled == pytest.approx(trusts[2], rel=1e-3)
