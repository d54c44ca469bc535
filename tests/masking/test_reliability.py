"""What leaves the mask, what becomes a hole, what stays."""

import numpy as np
import pytest

from qsmbids.errors import InputError
from qsmbids.masking import reliability_mask

SHAPE = (40, 44, 36)
VOXEL = (1.0, 1.0, 1.0)
GRID = np.indices(SHAPE) - np.array([20, 22, 18])[:, None, None, None]
BRAIN = (GRID**2).sum(0) < 15**2
CORE = ((GRID - np.array([-3, 2, 1])[:, None, None, None]) ** 2).sum(0) <= 9
SINUS = ((GRID - np.array([0, 14, -4])[:, None, None, None]) ** 2).sum(0) <= 36


def test_nothing_known_keeps_the_brain():
    result = reliability_mask(BRAIN, voxel_size=VOXEL)
    assert result.mask.sum() > 0.98 * BRAIN.sum()
    assert np.all(result.mask <= BRAIN)
    assert result.warnings == ()


@pytest.mark.parametrize("kind", ["weight", "noise", "residual"])
def test_rim_goes_and_core_becomes_a_hole(kind):
    rng = np.random.default_rng(0)
    value = {"weight": (1.0, 0.02), "noise": (0.01, 0.9), "residual": (0.05, 1.6)}[kind]
    values = value[0] * rng.uniform(0.8, 1.2, SHAPE)
    values[SINUS | CORE] = value[1]
    mask, reliable, _ = reliability_mask(BRAIN, voxel_size=VOXEL, **{kind: values})
    assert mask[CORE].all()
    assert not reliable[CORE].any()
    assert not mask[SINUS & (GRID[1] > 10)].any()
    assert np.all(reliable <= mask)
    rest = BRAIN & ~SINUS
    assert mask[rest].mean() > 0.97


def test_noisy_phase_at_the_rim_goes_and_a_steep_ramp_stays():
    rng = np.random.default_rng(0)
    phase = 2.5 * GRID[1] + 0.3 * rng.standard_normal(SHAPE)
    phase[SINUS] = rng.uniform(-np.pi, np.pi, SINUS.sum())
    wrapped = np.angle(np.exp(1j * phase))
    mask, _, _ = reliability_mask(BRAIN, voxel_size=VOXEL, phase=wrapped)
    assert mask[SINUS & BRAIN].mean() < 0.3
    assert mask[BRAIN & ~SINUS].mean() > 0.95


def test_weak_voxels_beside_lost_ones_are_lost_too():
    weight = np.ones(SHAPE)
    weight[CORE] = 0.02
    shell = ((GRID - np.array([-3, 2, 1])[:, None, None, None]) ** 2).sum(0) <= 16
    weight[shell & ~CORE] = 0.2
    elsewhere = (20 + 8, 22, 18)
    weight[elsewhere] = 0.2
    _, reliable, _ = reliability_mask(BRAIN, voxel_size=VOXEL, weight=weight)
    assert not reliable[shell].any()
    assert reliable[elsewhere]


def test_the_scale_of_weight_and_noise_does_not_matter():
    rng = np.random.default_rng(1)
    weight = rng.uniform(0.02, 1, SHAPE)
    one = reliability_mask(BRAIN, voxel_size=VOXEL, weight=weight, noise=1 / weight)
    other = reliability_mask(BRAIN, voxel_size=VOXEL, weight=1e4 * weight, noise=1e-6 / weight)
    assert np.array_equal(one.reliable, other.reliable)


def test_a_field_without_noise_is_reliable():
    result = reliability_mask(BRAIN, voxel_size=VOXEL, noise=np.zeros(SHAPE))
    assert result.reliable.sum() == result.mask.sum() > 0


def test_nan_is_unreliable():
    weight = np.ones(SHAPE)
    weight[CORE] = np.nan
    assert not reliability_mask(BRAIN, voxel_size=VOXEL, weight=weight).reliable[CORE].any()


def test_a_large_loss_is_said():
    weight = np.where(GRID[0] > 0, 1.0, 0.001)
    weight[GRID[0] == 0] = 1.0
    result = reliability_mask(BRAIN, voxel_size=VOXEL, weight=weight)
    assert "left out" in result.warnings[0]


def test_nothing_reliable_is_an_input_error():
    with pytest.raises(InputError, match="unreliable in the whole"):
        reliability_mask(BRAIN, voxel_size=VOXEL, weight=np.zeros(SHAPE))


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="empty"):
        reliability_mask(np.zeros(SHAPE), voxel_size=VOXEL)
    with pytest.raises(ValueError, match="noise's shape"):
        reliability_mask(BRAIN, voxel_size=VOXEL, noise=np.zeros((3, 3, 3)))
