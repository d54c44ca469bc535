"""The total field from one or more echoes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from qsmbids.errors import InputError, UsageError
from qsmbids.phase import FITS, UNWRAPPING, estimate_field, to_radians
from qsmbids.physics import forward_field, radians_per_ppm

TIMES = (0.004, 0.012, 0.020, 0.028)
B0 = 7.0
SHAPE = (44, 49, 42)


class Scan(NamedTuple):
    phase: Any
    magnitude: Any
    field: Any
    offset: Any
    mask: Any
    core: Any  # a calcification without signal


def scan(times=TIMES, snr=100.0, bipolar=None, seed=0):
    """A ball of tissue with an iron-rich and a calcified sphere and a smooth background."""
    x, y, z = np.meshgrid(*[np.arange(n) - n // 2 for n in SHAPE], indexing="ij")
    mask = x * x + y * y + z * z < 20**2
    iron = (x - 8) ** 2 + y * y + z * z < 5**2
    core = (x + 8) ** 2 + (y - 4) ** 2 + z * z < 3**2
    field = forward_field(0.3 * iron - 0.4 * core, (1, 1, 1), (0, 0, 1))
    field = field + (0.004 * x + 0.0012 * (x * x - y * y) + 0.001 * y * z).astype(np.float32)
    offset = 0.8 + 0.09 * y + 1.5 * np.cos(x / 12)
    noise = np.random.default_rng(seed).standard_normal((2, len(times), *SHAPE)) / snr
    signal = []
    for echo, time in enumerate(times):
        angle = offset + radians_per_ppm(B0, time) * field
        if bipolar is not None and echo % 2:
            angle = angle + bipolar[0] + bipolar[1] * x
        size = mask * np.where(core, 0, np.exp(-25 * time))
        signal.append(size * np.exp(1j * angle) + noise[0, echo] + 1j * noise[1, echo])
    phase, magnitude = np.angle(signal).astype(np.float32), np.abs(signal).astype(np.float32)
    return Scan(phase, magnitude, field, offset, mask, core)


@pytest.fixture(scope="module")
def four():
    return scan()


def estimate(data, times=TIMES, **options):
    options = {"field_strength": B0, "mask": data.mask, "voxel_size": (1, 1, 1), **options}
    return estimate_field(data.phase, data.magnitude, times, **options)


def error(result, data):
    """Return the field's error in ppm where there is signal, less a constant."""
    inside = data.mask & ~data.core
    miss = (result.field - data.field)[inside]
    return miss - np.median(miss)


@pytest.mark.parametrize("unwrapping", list(UNWRAPPING))
@pytest.mark.parametrize("fit", list(FITS))
def test_field_offset_and_noise_are_right(four, fit, unwrapping):
    result = estimate(four, fit=fit, unwrapping=unwrapping)
    inside = four.mask & ~four.core
    assert all(a.dtype == np.float32 for a in result[:5])
    miss = error(result, four)
    assert np.abs(miss).max() < 0.01
    assert np.std(miss / result.noise[inside]) == pytest.approx(1, abs=0.06)
    offset = np.angle(np.exp(1j * (result.offset - four.offset)))[inside]
    assert np.median(np.abs(offset)) < 0.02
    assert (result.field[~four.mask] == 0).all()
    assert result.warnings == ()


def test_voxels_without_signal_have_no_weight_and_a_large_residual(four):
    result = estimate(four)
    inside = four.mask & ~four.core
    assert result.weight.min() >= 0
    assert result.weight.max() == 1
    assert np.median(result.weight[inside]) > 0.9
    assert np.median(result.weight[four.core]) < 0.05
    assert np.median(result.residual[four.core]) > 20 * np.median(result.residual[inside])


def test_nonlinear_fit_is_no_worse_at_low_signal():
    data = scan(snr=6)
    linear, nonlinear = (
        np.sqrt(np.mean(error(estimate(data, fit=fit), data) ** 2)) for fit in FITS
    )
    assert nonlinear < 1.02 * linear


@pytest.mark.parametrize("times", [(0.005, 0.011), (0.003, 0.008, 0.019), (0.004, 0.008, 0.012)])
def test_few_and_unevenly_spaced_echoes(times):
    data = scan(times)
    result = estimate(data, times)
    assert np.abs(error(result, data)).max() < 0.05
    assert len(result.warnings) == (len(times) == 2)
    inside = data.mask & ~data.core
    assert np.std(error(result, data) / result.noise[inside]) == pytest.approx(1, abs=0.2)


def test_one_echo_keeps_the_offset_in_the_field_and_says_so():
    data = scan((0.012,))
    result = estimate(data, (0.012,))
    expected = data.field + data.offset / radians_per_ppm(B0, 0.012)
    miss = (result.field - expected)[data.mask & ~data.core]
    assert np.abs(miss - np.median(miss)).max() < 0.02
    assert "One echo only" in result.warnings[0]
    same = estimate_field(
        data.phase[0],
        data.magnitude[0],
        [0.012],
        field_strength=B0,
        mask=data.mask,
        voxel_size=(1, 1, 1),
    )
    assert np.array_equal(same.field, result.field)


@pytest.mark.parametrize(
    "times",
    [TIMES, (0.004, 0.010, 0.016), (0.004, 0.009, 0.016), (0.004, 0.009, 0.016, 0.021, 0.028)],
    ids=["four", "three", "uneven three", "uneven five"],
)
@pytest.mark.parametrize("bipolar", [(0.6, 0.03), (1.2, -0.02), (-0.4, 0.0)])
def test_bipolar_readout_is_found_and_removed(times, bipolar):
    data = scan(times, bipolar=bipolar)
    result = estimate(data, times)
    assert np.median(np.abs(error(result, data))) < 0.001
    assert "bipolar" in result.warnings[0]
    plain = scan(times)
    assert estimate(plain, times).warnings == ()


@pytest.mark.parametrize("snr", [8, 30])
def test_a_bipolar_readout_of_three_echoes_is_found_in_noise(snr):
    times = (0.004, 0.010, 0.016)
    data = scan(times, bipolar=(1.0, 0.02), snr=snr)
    result = estimate(data, times)
    assert "bipolar" in result.warnings[0]
    plain = scan(times, snr=snr)
    gap = np.std(error(result, data)) / np.std(error(estimate(plain, times), plain))
    assert gap < 1.05


def test_two_bipolar_echoes_get_a_linear_field_and_a_word():
    times = (0.005, 0.011)
    data = scan(times, bipolar=(1.0, 0.03))
    result = estimate(data, times)
    assert "nor whether the readout was bipolar" in result.warnings[0]
    x = np.arange(SHAPE[0])[:, None, None] - SHAPE[0] // 2
    ramp = np.broadcast_to(0.03 * x / radians_per_ppm(B0, 0.006), SHAPE)
    miss = error(result, data._replace(field=data.field + ramp))
    assert np.median(np.abs(miss)) < 0.002


@pytest.mark.parametrize("order", [[0, 2, 1], [1, 0, 2]])
def test_three_echoes_in_a_wrong_order_are_not_taken_for_bipolar(order):
    times = (0.004, 0.010, 0.016)
    data = scan(times)
    swapped = data._replace(phase=data.phase[order], magnitude=data.magnitude[order])
    with pytest.raises(InputError, match="proportion"):
        estimate(swapped, times)


@pytest.mark.parametrize(
    "times", [(0.020, 0.004, 0.028, 0.012), (0.028, 0.020, 0.012, 0.004)], ids=["mixed", "reverse"]
)
def test_echoes_are_taken_by_their_time_not_their_number(four, times):
    order = [TIMES.index(time) for time in times]
    mixed = four._replace(phase=four.phase[order], magnitude=four.magnitude[order])
    result, usual = estimate(mixed, times), estimate(four)
    assert all(np.array_equal(a, b) for a, b in zip(result[:5], usual[:5], strict=True))
    assert result.warnings == ()


@pytest.mark.parametrize(
    "times", [(0.003, 0.014), (0.003, 0.005, 0.017), (0.002, 0.013, 0.017, 0.028)]
)
@pytest.mark.parametrize("fit", list(FITS))
def test_wraps_between_far_echoes_are_solved_with_the_real_spacing(times, fit):
    data = scan(times, snr=60)
    assert np.abs(radians_per_ppm(B0, max(np.diff(times))) * data.field[data.mask]).max() > np.pi
    result = estimate(data, times, fit=fit)
    assert np.mean(np.abs(error(result, data)) > 0.05) < 1e-4


def test_negative_phase_gives_the_negative_field(four):
    negative = estimate(four._replace(phase=-four.phase))
    assert np.allclose(negative.field, -estimate(four).field, atol=1e-5)


def test_the_unit_of_the_magnitude_does_not_matter(four):
    tiny = estimate(four._replace(magnitude=four.magnitude * np.float32(1e-9)))
    usual = estimate(four)
    assert np.allclose(tiny.field, usual.field, atol=1e-5)
    assert np.allclose(tiny.noise, usual.noise, rtol=1e-3)


def test_voxels_beside_a_phase_jump_are_doubted(four):
    x, y = np.meshgrid(np.arange(SHAPE[0]) - 21.5, np.arange(SHAPE[1]) - 24.5, indexing="ij")
    vortex = np.arctan2(y, x)[:, :, None]  # no unwrapping can make it continuous
    phase = [np.angle(np.exp(1j * (four.phase[e] + e * vortex))) for e in (1, 2, 3)]
    late = four._replace(phase=np.array(phase), magnitude=four.magnitude[1:])
    result = estimate(late, TIMES[1:])
    half_turn = 0.5 / (B0 * 42.577 * 0.008)
    inside = four.mask & ~four.core
    jumps = (
        (np.abs(np.diff(result.field, axis=1)) > 1.2 * half_turn) & inside[:, 1:] & inside[:, :-1]
    )
    assert jumps.any()
    assert result.noise[:, 1:][jumps].min() > 0.99 * half_turn
    assert result.noise[:, :-1][jumps].min() > 0.99 * half_turn
    assert (result.noise[inside] > 0.99 * half_turn).mean() < 0.2


def test_the_first_echo_resolves_what_the_echo_spacing_cannot(four):
    x, y, z = np.meshgrid(*[np.arange(n) - n // 2 for n in SHAPE], indexing="ij")
    bump = 1.2 * np.exp(-((x - 3) ** 2 + y * y + z * z) / (2 * 3.0**2))  # ppm
    steepest = radians_per_ppm(B0, 1) * np.abs(np.diff(four.field + bump, axis=0)).max()
    assert steepest * (TIMES[1] - TIMES[0]) > np.pi > steepest * TIMES[0]
    phase = [four.phase[e] + radians_per_ppm(B0, t) * bump for e, t in enumerate(TIMES)]
    data = four._replace(phase=np.angle(np.exp(1j * np.array(phase))), field=four.field + bump)
    assert np.abs(error(estimate(data), data)).max() < 0.02


def wrong_order(data, times):
    order = [0, 2, 1, 3]
    return data._replace(phase=data.phase[order], magnitude=data.magnitude[order]), times


def test_echoes_in_reverse_order_are_doubted(four):
    reverse = four._replace(phase=four.phase[::-1], magnitude=four.magnitude[::-1])
    assert "wrong order" in estimate(reverse).warnings[0]


def unrelated(data, times):
    random = np.random.default_rng(0).uniform(-np.pi, np.pi, data.phase.shape)
    return data._replace(phase=random.astype(np.float32)), times


def wrong_scale(data, times):
    return data._replace(phase=data.phase * np.float32(0.6)), times


def wrong_time(data, times):
    return data, (0.004, 0.012, 0.024, 0.028)


@pytest.mark.parametrize("spoil", [wrong_order, unrelated, wrong_scale, wrong_time])
def test_echoes_that_do_not_line_up_are_refused(four, spoil):
    data, times = spoil(four, TIMES)
    with pytest.raises(InputError, match="does not grow in proportion to the echo times"):
        estimate(data, times)


@pytest.mark.parametrize("snr", [5, 20, 300])
def test_honest_data_of_any_signal_are_not_refused(snr):
    data = scan((0.004, 0.009, 0.014), snr=snr)
    assert estimate(data, (0.004, 0.009, 0.014)).field.any()


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ((0.004, 0.020, 0.012, 0.028), "proportion"),
        ((0.004, 0.012, 0.012, 0.028), "the same echo time"),
        ((4, 12, 20, 28), "in seconds"),
        ((0, 0.01, 0.02, 0.03), "positive"),
        ((0.004, 0.012), "4 phase images but 2 echo times"),
    ],
)
def test_bad_echo_times(four, times, message):
    with pytest.raises(InputError, match=message):
        estimate(four, times)


def test_bad_data(four):
    with pytest.raises(InputError, match="mask is empty"):
        estimate(four, mask=np.zeros(SHAPE))
    with pytest.raises(InputError, match="NaN"):
        estimate(four._replace(phase=four.phase * np.nan))
    with pytest.raises(InputError, match="magnitude is zero"):
        estimate(four._replace(magnitude=four.magnitude * 0))
    with pytest.raises(ValueError, match="do not agree"):
        estimate(four, mask=four.mask[1:])
    with pytest.raises(UsageError, match="linear"):
        estimate(four, fit="cubic")


@pytest.mark.parametrize("unwrapping", list(UNWRAPPING))
def test_real_echoes(unwrapping, shared):
    import nibabel as nib

    folder = shared / "multiecho-crop"
    phase, magnitude = (
        np.moveaxis(nib.load(folder / f"{name}.nii.gz").get_fdata(dtype=np.float32), 3, 0)
        for name in ("phase", "magnitude")
    )
    radians = to_radians(phase).phase
    mask = np.ones(radians.shape[1:], bool)
    options = {"field_strength": 3.0, "mask": mask, "voxel_size": (0.469, 0.469, 1)}
    result = estimate_field(
        radians, magnitude, (0.004, 0.008, 0.012), unwrapping=unwrapping, **options
    )
    assert np.median(result.residual) < 0.03
    turn = 1 / (3 * 42.577 * 0.004)
    jumps = sum((np.abs(np.diff(result.field, axis=a)) > turn / 2).sum() for a in range(3))
    assert jumps < 1e-3 * mask.size
    with pytest.raises(InputError, match="proportion"):
        estimate_field(radians[[0, 2, 1]], magnitude[[0, 2, 1]], (0.004, 0.008, 0.012), **options)
