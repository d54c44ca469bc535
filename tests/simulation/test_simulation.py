"""The numerical head: its tissues, its fields and its signal."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from volumes import simulated_head

from qsmbids.physics import b0_direction, forward_field, radians_per_ppm, voxel_size
from qsmbids.simulation import TISSUES, HeadRecipe, simulate_head
from qsmbids.simulation.head_field import solid_harmonics
from qsmbids.simulation.head_grid import Deformation, Grid, SmoothField, axes_of

SMALL = HeadRecipe(
    shape=(56, 70, 70), voxel_size=(3.0, 3.0, 3.0), field_strength=3.0, echo_times=(0.005, 0.02)
)
COARSE = replace(SMALL, shape=(41, 51, 51), voxel_size=(4.0, 4.0, 4.0))


@pytest.fixture(scope="module")
def head():
    return simulate_head(SMALL)


@pytest.fixture(scope="module")
def noiseless():
    return simulate_head(
        replace(SMALL, snr=np.inf, phase_offset=False, dephasing=False, b0_tilt=(20.0, -15.0))
    )


def inside(head, name):
    return head.brain_mask & (head.labels == TISSUES[name].label)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("white matter", -0.04, -0.015),
        ("grey matter", 0.005, 0.04),
        ("fluid", -0.01, 0.02),
        ("caudate", 0.03, 0.06),
        ("putamen", 0.035, 0.09),
        ("pallidum", 0.10, 0.20),
        ("vein", 0.18, 0.45),
        ("calcification", -3.0, -0.8),
        ("haemorrhage", 0.6, 2.0),
    ],
)
def test_tissues_have_their_susceptibility(head, name, low, high):
    values = head.chi[inside(head, name)]
    assert values.size > 0
    assert low < values.mean() < high
    assert values.std() > 0.002  # not piecewise constant


def test_iron_shortens_the_decay_and_a_calcification_has_no_signal(head):
    r2star = {n: head.r2star[inside(head, n)].mean() for n in ("white matter", "pallidum", "fluid")}
    assert r2star["fluid"] < r2star["white matter"] < r2star["pallidum"]
    stone = head.magnitude[-1][inside(head, "calcification")].min()
    assert stone < 0.1 * head.magnitude[-1][inside(head, "white matter")].mean()


def test_the_brain_has_a_real_volume_and_is_surrounded_by_head_and_air(head):
    litres = head.brain_mask.sum() * np.prod(head.voxel_size) * 1e-6
    assert 1.4 < litres < 2.2
    assert head.head_mask[head.brain_mask].all()
    assert head.head_mask.sum() > 1.3 * head.brain_mask.sum()
    assert head.chi[0, 0, -1] == pytest.approx(9.4)
    assert np.abs(head.chi[head.brain_mask]).max() < 5  # no air in the brain


def test_the_local_field_is_the_field_of_the_brain(noiseless):
    h = noiseless
    field = forward_field(h.chi_brain, h.voxel_size, h.b0_dir)
    np.testing.assert_array_equal(h.local_field, np.where(h.brain_mask, field, 0))
    assert abs(h.chi_brain[h.brain_mask].mean()) < 1e-5


def test_background_is_harmonic_inside_the_brain(noiseless):
    h = noiseless
    offsets = np.linalg.norm(np.indices((5, 5, 5)) - 2, axis=0)
    ball = (offsets <= 2).astype(np.float32)
    ball /= ball.sum()

    def departure(field):  # a harmonic field is its own mean over a ball
        deep = ndimage.distance_transform_edt(h.brain_mask) > 5
        return (field - ndimage.convolve(field, ball))[deep].std()

    background = h.total_field - h.local_field
    assert background[h.brain_mask].std() > 5 * h.local_field[h.brain_mask].std()
    assert departure(background) < 0.2 * departure(h.local_field)


def test_air_spaces_make_the_strongest_background():
    def spread(recipe):
        h = simulated_head(recipe)
        return h.total_field[h.brain_mask].std()

    assert spread(COARSE) > 1.5 * spread(replace(COARSE, sinuses=False))


def test_noiseless_phase_and_magnitude_follow_field_and_decay(noiseless):
    h = noiseless
    for echo, time in enumerate(h.echo_times):
        expected = h.total_field * radians_per_ppm(h.field_strength, time)
        gap = np.angle(np.exp(1j * (h.phase[echo] - expected)))
        assert np.abs(gap[h.brain_mask]).max() < 1e-3
        decay = h.s0 * np.exp(-time * h.r2star)
        np.testing.assert_allclose(h.magnitude[echo], decay, atol=1e-5)


def test_dephasing_only_takes_signal_away(noiseless):
    with_it = simulate_head(replace(noiseless.recipe, dephasing=True))
    change = noiseless.magnitude[-1] - with_it.magnitude[-1]
    assert change.min() > -1e-6
    assert change[with_it.brain_mask].max() > 0.2


def test_noise_has_the_requested_level(noiseless):
    snr = 40.0
    noisy = simulate_head(replace(noiseless.recipe, snr=snr))
    white = inside(noiseless, "white matter")
    difference = (noisy.magnitude - noiseless.magnitude)[0][white]
    assert difference.std() * snr == pytest.approx(noiseless.magnitude[0][white].mean(), rel=0.05)
    background = noisy.magnitude[0][~noisy.head_mask & (noiseless.magnitude[0] < 1e-6)]
    # Rayleigh: what Gaussian noise in both channels leaves where there is no signal
    assert background.mean() == pytest.approx(difference.std() * np.sqrt(np.pi / 2), rel=0.05)


def test_solid_harmonics_have_no_laplacian():
    axes = axes_of((12, 14, 16), (1.0, 2.0, 3.0))
    for harmonic in solid_harmonics(axes):
        image = np.broadcast_to(harmonic, (12, 14, 16)).astype(float) * 1e4
        laplacian = 0
        for axis, size in enumerate((1.0, 2.0, 3.0)):
            inner = [slice(1, -1)] * 3
            inner[axis] = slice(None)
            laplacian = laplacian + np.diff(image, 2, axis=axis)[tuple(inner)] / size**2
        assert np.abs(laplacian).max() < 1e-2


def test_shim_evens_out_the_field():
    flat = simulated_head(COARSE)
    raw = simulate_head(replace(COARSE, shim=False))
    mask = flat.brain_mask
    assert flat.total_field[mask].std() < 0.8 * raw.total_field[mask].std()
    np.testing.assert_array_equal(flat.local_field, raw.local_field)


def test_a_seed_is_reproducible_and_leaves_the_anatomy_alone():
    first, again = simulated_head(COARSE), simulate_head(COARSE)
    other = simulate_head(replace(COARSE, seed=1))
    np.testing.assert_array_equal(first.phase, again.phase)
    np.testing.assert_array_equal(first.brain_mask, other.brain_mask)
    assert (first.phase != other.phase).mean() > 0.9


def test_anatomies_differ_but_stay_heads():
    heads = [simulate_head(replace(COARSE, anatomy=a)) for a in (1, 2)]
    volumes = [h.brain_mask.sum() * np.prod(h.voxel_size) * 1e-6 for h in heads]
    assert all(1.1 < v < 2.6 for v in volumes)
    assert (heads[0].brain_mask != heads[1].brain_mask).mean() > 0.005
    for h in heads:
        assert h.chi[inside(h, "grey matter")].mean() > h.chi[inside(h, "white matter")].mean()


@pytest.mark.parametrize("tilt", [(0.0, 0.0), (25.0, 0.0), (10.0, -30.0)])
def test_the_affine_tells_voxel_size_and_b0(tilt):
    recipe = replace(COARSE, voxel_size=(3.0, 4.0, 5.0), b0_tilt=tilt)
    assert voxel_size(recipe.affine) == pytest.approx(recipe.voxel_size)
    angle = np.rad2deg(np.arccos(b0_direction(recipe.affine)[2]))
    cosines = np.cos(np.deg2rad(tilt))
    assert angle == pytest.approx(np.rad2deg(np.arccos(np.prod(cosines))), abs=1e-4)
    centre = recipe.affine @ [*(n // 2 for n in recipe.shape), 1]
    np.testing.assert_allclose(centre[:3], 0, atol=1e-9)


@pytest.mark.slow
def test_one_anatomy_on_two_grids_is_the_same_head():
    fine = simulate_head(replace(COARSE, anatomy=4, shape=(82, 102, 51), voxel_size=(2, 2, 4)))
    coarse = simulate_head(replace(COARSE, anatomy=4))
    merged = fine.brain_mask.reshape(41, 2, 51, 2, 51).mean(axis=(1, 3)) > 0.5
    overlap = 2 * (merged & coarse.brain_mask).sum() / (merged.sum() + coarse.brain_mask.sum())
    assert overlap > 0.95


def test_deformation_does_not_fold():
    grid = Grid(axes_of((41, 51, 51), (4, 4, 4)), Deformation(np.random.default_rng(3)))
    rows = [np.stack(np.gradient(c, 4.0)) for c in grid.coordinates]
    jacobian = np.linalg.det(np.moveaxis(np.stack(rows), (0, 1), (-2, -1)))
    assert jacobian.min() > 0.2


def test_a_smooth_field_is_the_same_on_another_grid_and_has_unit_variance():
    field = SmoothField(12.0, np.random.default_rng(0))
    whole = field.on(axes_of((80, 80, 80), (5, 5, 5)))
    part = field.on(axes_of((40, 40, 40), (10, 10, 10)))
    np.testing.assert_allclose(whole[::2, ::2, ::2], part, atol=1e-4)
    assert whole.std() == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"echo_times": ()},
        {"echo_times": (0.02, 0.01)},
        {"echo_times": (4.0, 8.0)},
        {"voxel_size": (1.0, 0.0, 1.0)},
        {"field_strength": 0.0},
        {"snr": 0.0},
        {"shape": (4, 4, 4)},
        {"b0_tilt": (100.0, 0.0)},
    ],
)
def test_impossible_recipes_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must|out of range|in seconds"):
        replace(SMALL, **wrong)


@pytest.mark.parametrize("part", ["veins", "calcification", "haemorrhage"])
def test_parts_can_be_left_out(part):
    h = simulate_head(replace(COARSE, **{part: False}))
    name = part.removesuffix("s")
    assert not (h.labels == TISSUES[name].label).any()


@pytest.mark.slow
def test_a_full_head_at_7_tesla():
    h = simulate_head(HeadRecipe())
    assert h.magnitude.shape == (4, 164, 205, 205)
    assert h.magnitude.dtype == h.phase.dtype == h.chi.dtype == np.float32
    for name in TISSUES:
        assert (h.labels == TISSUES[name].label).sum() > 50, name
    assert 0.1 < h.chi[inside(h, "substantia nigra")].mean() < 0.15
    assert 0.08 < h.chi[inside(h, "red nucleus")].mean() < 0.12
