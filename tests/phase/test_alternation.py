"""Slices of alternating sign; images that are not what their names say."""

from __future__ import annotations

import numpy as np
import pytest

from qsmbids.errors import InputError
from qsmbids.phase import alternating_axis, check_pair, mend_alternation, to_radians
from qsmbids.simulation import HeadRecipe, simulate_head


@pytest.fixture(scope="module")
def head():
    """Thick slices and a long echo: the phase turns much from slice to slice."""
    recipe = HeadRecipe(
        shape=(55, 68, 24),
        voxel_size=(3.0, 3.0, 9.0),
        echo_times=(0.030,),
        field_strength=3.0,
        snr=30,
    )
    made = simulate_head(recipe)
    return made.magnitude, made.phase


def alternate(phase, axis):
    shape = [-1 if i == axis + 1 else 1 for i in range(4)]
    sign = np.where(np.arange(phase.shape[axis + 1]) % 2, -1, 1).reshape(shape)
    return np.angle(np.exp(1j * phase) * sign).astype(np.float32)


def test_a_head_has_no_alternating_slices(head):
    magnitude, phase = head
    assert alternating_axis(magnitude[0], phase[0]) is None


@pytest.mark.parametrize("axis", range(3))
def test_alternating_slices_are_found_and_mended(head, axis):
    magnitude, phase = head
    chopped = alternate(phase, axis)
    assert alternating_axis(magnitude[0], chopped[0]) == axis
    mend_alternation(chopped, axis)
    assert np.abs(np.angle(np.exp(1j * (chopped - phase)))).max() < 1e-5
    assert np.abs(chopped).max() <= np.float32(np.pi)


def test_noise_alternates_nowhere(rng):
    for _ in range(20):
        magnitude = rng.uniform(0, 1, (8, 8, 5)).astype(np.float32)
        phase = rng.uniform(-np.pi, np.pi, (8, 8, 5)).astype(np.float32)
        assert alternating_axis(magnitude, phase) is None


def test_a_true_pair_passes(head):
    magnitude, phase = head
    check_pair(magnitude[0], phase[0])
    stripped = magnitude[0] > np.percentile(magnitude[0], 70)
    check_pair(magnitude[0] * stripped, phase[0] * stripped)


def test_a_bright_ball_on_dark_ground_is_no_phase(rng):
    x, y, z = np.meshgrid(*[np.arange(32) - 15.5] * 3, indexing="ij")
    ball = np.where(x * x + y * y + z * z < 100, 100, 0) + rng.uniform(0, 3, x.shape)
    check_pair(ball.astype(np.float32), rng.uniform(-3, 3, x.shape).astype(np.float32))
    with pytest.raises(InputError):
        to_radians(ball)


def test_exchanged_images_are_refused(head):
    magnitude, phase = head
    with pytest.raises(InputError, match="exchanged"):
        check_pair(np.floor((phase[0] / np.pi + 1) * 2048), magnitude[0])


def test_a_magnitude_with_the_header_of_phase_is_refused(head):
    """The slope and intercept of Siemens phase, applied to a 12-bit magnitude."""
    magnitude, _ = head
    stored = magnitude / magnitude.max() * 8190 - 4096
    radians = to_radians(stored).phase
    with pytest.raises(InputError, match="another magnitude"):
        check_pair(magnitude[0], radians[0])


def test_a_real_phase_difference_of_siemens_is_read_by_its_range(shared):
    import nibabel as nib

    folder = shared / "real-heads" / "images"
    stored, magnitude = (
        nib.load(folder / f"siemens3T-gre_{name}.nii.gz").get_fdata(dtype=np.float32)
        for name in ("phasediff", "echo-1_mag")
    )
    phase, rule, warnings = to_radians(stored)
    assert "-4096 to 4095" in rule
    assert warnings == ()
    assert np.allclose(phase, stored * np.pi / 4096, atol=1e-5)
    check_pair(magnitude, phase)
    assert alternating_axis(magnitude, phase) is None
    with pytest.raises(InputError, match="as in a magnitude"):
        to_radians(magnitude, units="rad")
