"""Stored phase values to radians."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsmbids.errors import InputError
from qsmbids.phase import from_real_imaginary, to_radians
from qsmbids.phase.scales import KNOWN


@pytest.fixture(scope="module")
def truth():
    """Two echoes of a wrapped phase with a little noise, within (-pi, pi)."""
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, 24)] * 3, indexing="ij")
    smooth = 5 * x + 4 * y * y - 3 * z
    rng = np.random.default_rng(0)
    echoes = [te * smooth + 0.05 * rng.standard_normal(smooth.shape) for te in (1, 2)]
    return np.angle(np.exp(1j * np.array(echoes))).astype(np.float32)


def apart(a, b):
    return np.abs(np.angle(np.exp(1j * (np.asarray(a, float) - b)))).max()


SCALES = {
    "pi": (lambda p: p, 0),
    "turn": (lambda p: p % (2 * np.pi), 0),
    "0..4095 (Siemens)": (lambda p: np.floor((p / np.pi + 1) * 2048), np.pi / 2048),
    "-4096..4094 (Siemens)": (lambda p: np.floor(p / np.pi * 2048) * 2, np.pi / 2048),
    "-2048..2047": (lambda p: np.floor(p / np.pi * 2048), np.pi / 2048),
    "milliradians (GE, Philips)": (lambda p: np.round(p * 1000), 0.001),
    "0..6283 milliradians": (lambda p: np.round(p % (2 * np.pi) * 1000), 0.001),
    "degrees": (lambda p: np.degrees(p), 0),
    "0..360 degrees": (lambda p: np.degrees(p) % 360, 0),
    "16 bits without sign": (lambda p: np.floor((p / np.pi + 1) * 32767.99), np.pi / 16384),
    "16 bits": (lambda p: np.floor(p / np.pi * 32768), np.pi / 16384),
}
PROVEN = {
    "-1..1": (lambda p: p / np.pi, 0.001),
    "0..1": (lambda p: (p / np.pi + 1) / 2, 0.001),
    "8 bits": (lambda p: np.floor((p / np.pi + 1) * 128), np.pi / 128),
    "-500..496 (Philips)": (lambda p: np.floor(p / np.pi * 125) * 4, np.pi / 125),
    "-10000..10000": (lambda p: np.round(p / np.pi * 10000), 0.001),
    "intercept twice": (lambda p: np.floor(p / np.pi * 2048) * 4 - 4096, np.pi / 2048),
}
CLAIMED = {"rad": ("pi", "turn"), "deg": ("degrees", "0..360 degrees")}


def apart_but_constant(phase, truth):
    """Return how far two phases differ, but for a constant, which no field depends on."""
    return apart(phase, truth + np.angle(np.mean(np.exp(1j * (phase - truth.astype(float))))))


@pytest.mark.parametrize("name", SCALES)
@pytest.mark.parametrize("units", [None, "arbitrary", "rad", "deg"])
def test_known_scales(truth, name, units):
    encode, step = SCALES[name]
    phase, rule, warnings = to_radians(encode(truth.astype(float)), units=units)
    assert phase.dtype == np.float32
    assert np.abs(phase).max() <= np.float32(np.pi)
    assert apart(phase, truth) < step * 1.01 + 1e-5
    assert "proven" not in rule
    wrongly = units in CLAIMED and name not in CLAIMED[units]
    assert bool(warnings) == wrongly
    assert not wrongly or f"says that the phase is in {units}" in warnings[0]


@pytest.mark.parametrize("name", PROVEN)
@pytest.mark.parametrize("units", [None, "rad"])
def test_scales_that_the_wraps_prove(truth, name, units):
    encode, step = PROVEN[name]
    phase, rule, warnings = to_radians(encode(truth.astype(float)), units=units)
    assert apart_but_constant(phase, truth) < step * 1.01 + 0.02
    assert "proven by its wraps" in rule
    assert bool(warnings) == (units == "rad")


@given(scale=st.floats(1e-4, 1e5))
def test_unknown_symmetric_scale_is_proven_by_its_wraps(truth, scale):
    top = np.abs(truth).max()
    if any(abs(scale * top / known.high - 1) < 0.1 for known in KNOWN):
        return
    phase, rule, _ = to_radians(truth * np.float32(scale))
    assert apart(phase, truth) < 0.02
    assert "proven by its wraps" in rule


def test_smooth_symmetric_values_are_no_phase_scale(truth):
    x = np.linspace(-7, 7, 24)[:, None, None] + np.zeros((24, 24, 24))
    with pytest.raises(InputError, match="no scale that is known"):
        to_radians(x)


def test_noise_alone_proves_nothing():
    noise = np.random.default_rng(0).uniform(-7, 7, (24, 24, 24))
    with pytest.raises(InputError, match="no scale that is known"):
        to_radians(noise)


def test_wraps_show_through_the_noise_of_air(truth):
    noisy = np.pad(truth, ((0, 0), (8, 8), (8, 8), (0, 0)))
    air = np.random.default_rng(0).uniform(-np.pi, np.pi, noisy.shape)
    noisy = np.where(noisy == 0, air, noisy)
    assert apart(to_radians(noisy * 0.001).phase, noisy) < 0.02


def test_small_radians_are_believed_only_when_claimed():
    small = np.linspace(-0.7, 0.8, 24)[:, None, None] + np.zeros((24, 24, 24))
    assert apart(to_radians(small, units="rad").phase, small) < 1e-6
    with pytest.raises(InputError, match="no scale that is known"):
        to_radians(small)


def test_wraps_disprove_a_claim_of_radians(truth):
    phase, _, warnings = to_radians(truth / 4, units="rad")
    assert apart(phase, truth) < 0.02
    assert "Correct Units" in warnings[0]


@pytest.mark.parametrize(
    ("values", "message"),
    [((0, 1), "no scale that is known"), ((-1, 1), "no scale"), ((-9, 21), "more than a turn")],
)
def test_a_claim_of_radians_that_nothing_supports_is_refused(values, message):
    smooth = np.linspace(*values, 24)[:, None, None] + np.zeros((24, 24, 24))
    with pytest.raises(InputError, match=message):
        to_radians(smooth, units="rad")


def test_the_manufacturer_helps_where_the_ends_are_not_reached():
    smooth = np.linspace(-0.9, 0.85, 24)[:, None, None] + np.zeros((24, 24, 24))
    stored = np.round((smooth + 1) * 2048)
    with pytest.raises(InputError):
        to_radians(stored)
    phase = to_radians(stored, manufacturer="SIEMENS").phase
    assert apart(phase, smooth * np.pi) < np.pi / 2048


def test_milliradians_are_not_taken_for_the_range_of_another_maker(truth):
    phase = to_radians(np.round(truth * 1000), manufacturer="Siemens").phase
    assert apart(phase, truth) < 0.001


@pytest.mark.parametrize("top", [1.0, 4095.0, 1234.0, 360.0, 2 * np.pi])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("units", [None, "rad"])
def test_a_magnitude_given_as_phase_is_refused(truth, top, masked, units):
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, 24)] * 3, indexing="ij")
    head = x * x + y * y + z * z < 0.8
    noise = np.random.default_rng(0).normal(0, 0.02, (2, *head.shape, 2))
    size = np.hypot(head * (0.5 + 0.2 * x) + noise[..., 0], noise[..., 1])
    size[:, 12, 12, 12] = 1.1  # a vessel
    size *= head if masked else 1
    with pytest.raises(InputError, match="as in a magnitude"):
        to_radians(size * (top / size.max()), units=units)


def test_echoes_on_different_scales_are_refused(truth):
    stored = np.round((truth / np.pi) * 2048)
    stored[0] = truth[0]
    with pytest.raises(InputError, match="echo 1 spans"):
        to_radians(stored)


@pytest.mark.parametrize("name", SCALES)
def test_a_mask_of_zeros_does_not_disturb(truth, name):
    encode, step = SCALES[name]
    stored = encode(truth.astype(float))
    stored[:, :10] = stored[:, :, :3] = 0
    phase = to_radians(stored).phase
    assert (phase[:, :10] == 0).all()
    assert apart(phase[:, 10:, 3:], truth[:, 10:, 3:]) < step * 1.01 + 1e-5


@pytest.mark.parametrize("name", SCALES)
def test_voxels_of_phase_zero_and_pi_survive(truth, name):
    encode, step = SCALES[name]
    whole = truth.astype(float)
    whole[:, 12, 5:20, 12], whole[:, 5, 5:20:4, 5], whole[:, 5, 6:20:4, 5] = 0, np.pi, -np.pi
    stored = encode(whole)
    stored[:, :, :, :4] = 0  # a mask beside them
    phase = to_radians(stored).phase
    assert apart(phase[:, :, :, 4:], whole[:, :, :, 4:]) < step * 1.01 + 1e-5


def test_one_rule_for_all_echoes(truth):
    stored = np.round((truth / np.pi + 1) * 2047.5)
    stored[0] = 2048 + (stored[0] - 2048) / 8  # an early echo that stays near zero
    phase = to_radians(stored).phase
    assert apart(phase[0], truth[0] / 8) < 0.002


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p * 0, "echo 1 is 0 in every voxel"),
        (lambda p: np.stack([p[0], p[0] * 0 + 3]), "echo 2 is 3 in every voxel"),
        (lambda p: np.where(p > 3, np.nan, p), "NaN"),
        (lambda p: p[0, 0], "3D image"),
    ],
    ids=["zero", "constant", "nan", "2d"],
)
def test_unusable_phase_is_refused(truth, spoil, message):
    with pytest.raises(InputError, match=message):
        to_radians(spoil(truth))


def test_real_and_imaginary(truth):
    magnitude, phase = from_real_imaginary(2 * np.cos(truth), 2 * np.sin(truth))
    assert np.allclose(magnitude, 2, atol=1e-5)
    assert apart(phase, truth) < 1e-5
    with pytest.raises(InputError, match="shape"):
        from_real_imaginary(truth, truth[0])
    with pytest.raises(InputError, match="NaN"):
        from_real_imaginary(truth * np.nan, truth)


def test_real_export_with_an_odd_scale(shared):
    import nibabel as nib

    stored = np.moveaxis(
        nib.load(shared / "multiecho-crop" / "phase.nii.gz").get_fdata(dtype=np.float32), 3, 0
    )
    phase, rule, _ = to_radians(stored, units="arbitrary")
    assert "proven by its wraps" in rule
    assert np.allclose(phase, stored * (np.pi / 0.0036743774), atol=1e-4)
