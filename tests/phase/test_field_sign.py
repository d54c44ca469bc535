"""The sign of the phase from the head's shape."""

from __future__ import annotations

import numpy as np
import pytest

from qsmbids.phase import detect_sign
from qsmbids.physics import forward_field

B0_TILTED = (0.0, np.sin(0.3), np.cos(0.3))


def head(shape=(48, 56, 52), edge=4.0, neck=False):
    """An ellipsoid with an air sinus, optionally with a neck that leaves the image."""
    x, y, z = np.meshgrid(*[(np.arange(n) - n / 2) * edge for n in shape], indexing="ij")
    tissue = (x / 72) ** 2 + (y / 92) ** 2 + (z / 82) ** 2 < 1
    if neck:
        tissue |= (x * x + y * y < 50**2) & (z < 0)
    return tissue & (x * x + (y - 65) ** 2 + (z + 20) ** 2 > 14**2)


def measured(tissue, b0_dir, edge=4.0, seed=0):
    """The field in ppm of tissue with structure in air, shimmed and noisy."""
    rng = np.random.default_rng(seed)
    chi = np.where(tissue, -9.4 + 0.05 * rng.standard_normal(tissue.shape), 0)
    field = forward_field(chi, (edge,) * 3, b0_dir)
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in tissue.shape], indexing="ij")
    field = field + 0.4 * x - 0.7 * z + 0.3 * x * y + 0.2 * (x * x - z * z) + 1.1
    return np.where(tissue, field + 0.02 * rng.standard_normal(tissue.shape), 0)


@pytest.mark.parametrize("neck", [False, True])
@pytest.mark.parametrize("b0_dir", [(0, 0, 1), B0_TILTED])
@pytest.mark.parametrize("sign", [1, -1])
def test_sign_of_a_head(sign, b0_dir, neck):
    tissue = head(neck=neck)
    field = sign * measured(tissue, b0_dir)
    guess = detect_sign(field, tissue, voxel_size=(4, 4, 4), b0_dir=b0_dir)
    assert guess.certain
    assert guess.sign == sign
    assert guess.correlation * sign > 0.5


def test_anisotropic_voxels():
    tissue = head()[:, :, ::2]
    field = -measured(head(), (0, 0, 1))[:, :, ::2]
    assert detect_sign(field, tissue, voxel_size=(4, 4, 8)).sign == -1


@pytest.mark.parametrize("slab", [slice(0, 42), slice(12, 40)])
@pytest.mark.parametrize("upside_down", [False, True])
def test_a_slab_without_the_crown_tells(slab, upside_down):
    tissue = head(neck=True)
    field = -measured(tissue, (0, 0, 1))[:, :, slab]
    tissue, up = tissue[:, :, slab], 1
    if upside_down:
        field, tissue, up = field[:, :, ::-1], tissue[:, :, ::-1], -1
    guess = detect_sign(field, tissue, voxel_size=(4, 4, 4), b0_dir=(0, 0, up))
    assert (guess.sign, guess.certain) == (-1, True)


def test_field_inside_a_smaller_mask_still_tells():
    tissue = head()
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in tissue.shape], indexing="ij")
    brain = x * x + y * y + z * z < 0.45
    field = -measured(tissue, (0, 0, 1)) * brain
    guess = detect_sign(field, tissue, voxel_size=(4, 4, 4), weight=brain.astype(float))
    assert (guess.sign, guess.certain) == (-1, True)


def test_what_cannot_tell_is_uncertain_and_left_alone():
    tissue = head()
    noise = np.random.default_rng(0).standard_normal(tissue.shape) * tissue
    assert detect_sign(noise, tissue, voxel_size=(4, 4, 4))[::2] == (1, False)
    field = -measured(tissue, (0, 0, 1))
    crop = (slice(20, 36),) * 3
    assert detect_sign(field[crop], tissue[crop], voxel_size=(4, 4, 4))[::2] == (1, False)
    nothing = np.zeros_like(tissue)
    assert detect_sign(field, nothing, voxel_size=(4, 4, 4))[::2] == (1, False)


def test_wrong_shapes():
    with pytest.raises(ValueError, match="shape"):
        detect_sign(np.zeros((4, 4, 4)), np.zeros((4, 4, 5)), voxel_size=(1, 1, 1))
