"""What a field holds that no scalar susceptibility explains."""

import numpy as np
import pytest

from qsmbids.physics import DipoleConvolution
from qsmbids.training.data.corruption.beyond_model import unexplained_field
from qsmbids.training.data.corruption.fibres import fibre_field, field_of_magnetization
from qsmbids.training.data.random_fields import SmoothNoise

SHAPE = (32, 36, 40)
TILTED = np.array([0.36, 0.48, 0.8], np.float32)


def test_an_isotropic_magnetization_has_the_dipole_field():
    chi = SmoothNoise(np.random.default_rng(0), SHAPE)(2.0)
    dipole = DipoleConvolution(SHAPE, (1, 1, 1.5), TILTED, margin=0)  # periodic too
    field = field_of_magnetization(TILTED[:, None, None, None] * chi, (1, 1, 1.5), TILTED)
    np.testing.assert_allclose(field - field.mean(), dipole(chi) - dipole(chi).mean(), atol=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_fibres_add_what_follows_the_map_and_no_map_explains(seed):
    rng = np.random.default_rng(seed)
    noise = SmoothNoise(rng, SHAPE)
    chi, mask = 0.05 * noise(3.0), noise(8.0) > -1
    dipole = DipoleConvolution(SHAPE, (1, 1, 1), TILTED, 8)
    field = fibre_field(rng, chi, mask, noise=noise, dipole=dipole)
    assert field[mask].std() == pytest.approx(1, abs=1e-3)
    # a closed-form fit explains the field of a map almost whole, and this one by far not

    def left(one):
        return np.std((one - dipole(dipole.solve(one, np.float32(1e-2))))[mask]) / np.std(one[mask])

    assert left(dipole(chi)) < 0.7 * left(np.where(mask, field, 0))


def test_a_rough_field_is_stronger_at_the_surface_and_has_power_at_all_frequencies():
    rng = np.random.default_rng(1)
    mask = np.zeros((48,) * 3, bool)
    mask[8:40, 8:40, 8:40] = True
    inner = np.zeros_like(mask)
    inner[18:30, 18:30, 18:30] = True
    smooth, rough = (
        [unexplained_field(rng, SmoothNoise(rng, mask.shape), mask, 1.0, share) for _ in range(12)]
        for share in (0.0, 1.0)
    )

    def steps(fields):
        return np.mean([np.diff(f, axis=0).std() / f.std() for f in fields])

    assert steps(rough) > 2 * steps(smooth)
    at_surface = [f[mask & ~inner].std() / f[inner].std() for f in rough]
    assert np.mean(at_surface) > 1.1
