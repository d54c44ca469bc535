"""The uncertainty map: what it promises by construction, and that training keeps the promise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from volumes import smooth_tissue

from qsmbids.errors import InputError
from qsmbids.physics import DipoleConvolution, Problem

torch = pytest.importorskip("torch")

from qsmbids.inference.predict_uncertainty import predict_uncertainty  # noqa: E402
from qsmbids.inversion import DEFAULT, reconstruct  # noqa: E402
from qsmbids.inversion.network import network  # noqa: E402
from qsmbids.inversion.network_tv import network_tv  # noqa: E402
from qsmbids.networks import weights_file as files  # noqa: E402
from qsmbids.networks.direct import DirectNet  # noqa: E402
from qsmbids.networks.uncertainty_net import UncertaintyNet  # noqa: E402
from qsmbids.networks.unrolled import UnrolledNet  # noqa: E402
from qsmbids.networks.weights import save_weights  # noqa: E402
from qsmbids.networks.weights_file import bundled  # noqa: E402
from qsmbids.physics.torch_dipole import Dipole  # noqa: E402
from qsmbids.simulation import HeadRecipe, simulate_head  # noqa: E402
from qsmbids.training.data.corruption import Corruption, corrupt  # noqa: E402
from qsmbids.training.data.corruption.background_removal import remove_random_background  # noqa: E402
from qsmbids.training.data.network_maps import (  # noqa: E402
    REFINED,
    drawn_maps,
    drawn_way,
    load_inversions,
    refinements,
)
from qsmbids.training.data.random_fields import SmoothNoise  # noqa: E402
from qsmbids.training.data.sources import Data  # noqa: E402
from qsmbids.training.engine.batches import Batches, validation_batches  # noqa: E402
from qsmbids.training.engine.models import build  # noqa: E402
from qsmbids.training.methods import find_recipe  # noqa: E402
from qsmbids.training.methods.uncertainty import ONE_SIGMA, quantile_loss  # noqa: E402
from qsmbids.workflows.weights import digests  # noqa: E402

SMALL = {"base": 2, "levels": 3}
SHAPE = (33, 28, 30)


def head(voxel_size=(1, 1, 1), b0_dir=(0, 0, 1)):
    return smooth_tissue(SHAPE, voxel_size, b0_dir)


def saved(model, path):
    """Save a network whose last layer is not near zero, so that its input matters."""
    torch.nn.init.normal_(model.unet.last.weight)
    return str(save_weights(model, path))


@pytest.fixture
def spread(tmp_path):
    torch.manual_seed(0)
    return saved(UncertaintyNet(**SMALL), tmp_path / "spread.safetensors")


@pytest.fixture
def inversions(tmp_path):
    torch.manual_seed(1)
    names = {"direct": DirectNet(**SMALL), "consistent": UnrolledNet(**SMALL)}
    return tuple(
        str(save_weights(model, tmp_path / f"{name}.safetensors")) for name, model in names.items()
    )


@pytest.mark.parametrize(
    ("voxel", "b0"), [((1, 1, 1), (0, 0, 1)), ((1, 1, 3), (0, 0, 1)), ((1, 1, 1), (0.4, 0.2, 0.8))]
)
def test_sigma_is_positive_inside_and_zero_outside(spread, voxel, b0):
    chi, field, mask = head(voxel, b0)
    sigma = predict_uncertainty(chi, Problem(field, mask, voxel, b0), weights=spread)
    assert sigma.shape == mask.shape
    assert sigma.dtype == np.float32
    assert np.isfinite(sigma).all()
    assert (sigma[mask] > 0).all()
    assert not sigma[~mask].any()


def test_sigma_scales_with_the_field_and_ignores_the_mean_of_the_map(spread):
    chi, field, mask = head()
    once = predict_uncertainty(chi, Problem(field, mask, (1, 1, 1)), weights=spread)
    strong = Problem(3 * field, mask, (1, 1, 1))
    thrice = predict_uncertainty(3 * chi + 0.2, strong, weights=spread)
    # to what bfloat16 keeps of the rounding of the inputs
    np.testing.assert_allclose(thrice, 3 * once, rtol=0.03)


def test_sigma_depends_on_the_map_and_on_what_it_leaves_of_the_field():
    torch.manual_seed(0)
    chi, field, mask = (torch.from_numpy(np.float32(i))[None, None] for i in head())
    model, dipole = UncertaintyNet(**SMALL).eval(), Dipole.on(SHAPE, (1, 1, 1))
    torch.nn.init.normal_(model.unet.last.weight)
    tilted = Dipole.on(SHAPE, (1, 1, 1), (1, 0, 0))  # the same images, another residual
    with torch.no_grad():
        sigma = model(chi, field, mask, dipole)
        assert not torch.allclose(model(0.5 * chi, field, mask, dipole), sigma)
        assert not torch.allclose(model(chi, field, mask, tilted), sigma)


def test_tiles_equal_the_whole_volume(spread):
    rng = np.random.default_rng(0)
    shape = (90, 40, 40)
    chi, field = (rng.normal(0, 0.05, shape).astype(np.float32) for _ in range(2))
    problem = Problem(field, np.ones(shape, bool), (1, 1, 1))
    whole, tiled = (
        predict_uncertainty(chi, problem, weights=spread, memory_gb=gb) for gb in (3.0, 0.002)
    )
    np.testing.assert_allclose(tiled, whole, rtol=0.05)


def test_wrong_weights_and_shapes_are_refused(spread, inversions):
    chi, field, mask = head()
    problem = Problem(field, mask, (1, 1, 1))
    with pytest.raises(InputError, match="another purpose; give weights of: spread"):
        predict_uncertainty(chi, problem, weights=inversions[0])
    with pytest.raises(InputError, match="'spread'"):
        network(problem, weights=spread)
    with pytest.raises(ValueError, match="one shape"):
        predict_uncertainty(chi[1:], problem, weights=spread)


@pytest.mark.parametrize("draw", [torch.randn, torch.rand, lambda n: torch.randn(n) ** 2])
def test_the_loss_is_least_where_68_percent_lie_below(draw):
    torch.manual_seed(0)
    error = draw(20_000).abs().reshape(1, 1, 20, 20, 50)
    mask = torch.ones_like(error)
    best = float(error.flatten().quantile(ONE_SIGMA))
    at = {
        f: float(quantile_loss(f * best * mask, error, mask)) for f in (0.8, 0.97, 1.0, 1.03, 1.25)
    }
    assert min(at, key=at.get) == 1.0
    # each sample counts alike, whatever its unit
    assert float(quantile_loss(0.01 * best * mask, 0.01 * error, mask)) == pytest.approx(
        at[1.0], 0.01
    )


def drawn(batch, inversions, choice):
    return drawn_maps({**batch, "choice": torch.tensor([choice])}, inversions)


def residual(batch, chi):
    """Return the mean square of what a map leaves of the field."""
    dipole = Dipole(batch["kernel"], tuple(batch["padded"].tolist()))
    return (batch["field"] - dipole(chi)).mul(batch["mask"]).square().mean()


def test_each_network_gives_its_maps_and_direct_ones_consistent_ones_too(inversions):
    direct, consistent = found = load_inversions(inversions, "cpu")
    assert (len(direct), len(consistent)) == (2, 1)
    batch = Batches(replace(recipe_of(inversions), batch=1))[0]
    rest = 1 - REFINED
    raw, closed, other = (drawn(batch, found, REFINED + c * rest) for c in (0.1, 0.4, 0.9))
    assert not any(chi.requires_grad for chi in (raw, closed, other))
    assert not torch.allclose(raw, other)
    assert residual(batch, closed) < residual(batch, raw)
    # without a network that closes its maps by itself there is nothing to refine
    assert refinements([direct]) == []
    assert [drawn_way(c, [direct]) for c in (0.1, 0.6)] == list(direct)


def test_the_refinement_of_the_networks_map_is_drawn_as_often_as_it_should(inversions):
    found = load_inversions(inversions, "cpu")
    (consistent,) = found[1]
    ways = [drawn_way(c, found) for c in (np.arange(1000) + 0.5) / 1000]
    refined_ones = [way for way in ways if way not in (*found[0], consistent)]
    assert len(refined_ones) == 1000 * REFINED
    assert {way.prior for way in refined_ones} == {consistent}
    batch = Batches(replace(recipe_of(inversions), batch=1, patches={32: 1.0}))[0]
    plain, refined_map = consistent(batch, 0), drawn(batch, found, 0.1)
    assert not torch.allclose(refined_map, plain, atol=0.02 * float(plain.abs().max()))
    assert residual(batch, refined_map) < 0.98 * residual(batch, plain)
    assert not refined_map[batch["mask"] == 0].any()
    assert abs(float(refined_map.sum() / batch["mask"].sum())) < 1e-6


def test_the_score_counts_the_refined_maps_too(inversions):
    recipe = recipe_of(inversions)
    batch = Batches(recipe)[0]

    class OnlyRefined(torch.nn.Module):
        """Holds the truth wherever a map is the refined one."""

        def forward(self, chi, *_):
            return torch.full_like(chi, 1e3 if torch.equal(chi, expected) else 0.0)

    (way,) = refinements(load_inversions(inversions, "cpu"))
    expected = torch.cat([way(batch, number) for number in range(2)])
    share = recipe.score(OnlyRefined(), batch)
    torch.testing.assert_close(share, torch.full((2,), 25.0))  # one of four ways


def test_clean_samples_hold_noise_alone():
    chi, _, mask = head()
    dipole = DipoleConvolution(SHAPE, (1, 1, 1), (0, 0, 1), 32)
    # nothing but what a clean sample leaves out would be larger than the noise
    how = Corruption(background=2.0, model=0.0, noise=1e-5, wrong=0.5, removal=0.0, clean=0.5)

    def error(seed):
        rng = np.random.default_rng(seed)
        noise = SmoothNoise(rng, SHAPE)
        made = corrupt(rng, chi, mask, dipole=dipole, noise=noise, how=how)
        return np.abs((made["field"] - dipole(made["chi"]))[mask]).max()

    assert 2 <= sum(error(seed) < 1e-3 for seed in range(12)) <= 10


@pytest.mark.parametrize("quiet", [0.02, 0.5])
def test_the_noise_stays_in_its_range(quiet):
    _, _, mask = head()
    dipole, chi = DipoleConvolution(SHAPE, (1, 1, 1), (0, 0, 1), 32), np.zeros(SHAPE, np.float32)
    how = Corruption(0.0, 0.0, 0.01, 0.0, quiet=quiet)
    levels = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        made = corrupt(rng, chi, mask, dipole=dipole, noise=SmoothNoise(rng, SHAPE), how=how)
        levels.append(float(np.median(np.abs(made["field"] * made["weight"])[mask])) / 0.6745)
    assert 0.8 * 0.01 * quiet < min(levels) < max(levels) < 1.2 * 0.01
    assert min(levels) < 3 * 0.01 * quiet


def test_a_removal_takes_the_background_off_and_part_of_the_mask():
    rng = np.random.default_rng(0)
    mask = np.zeros((40,) * 3, bool)
    mask[4:-4, 4:-4, 4:-4] = True
    chi = np.where(mask, ndimage.gaussian_filter(rng.standard_normal(mask.shape), 1), 0)
    dipole = DipoleConvolution(mask.shape, (1, 1, 1.3), (0, 0.2, 1), 32)
    field = dipole(chi.astype(np.float32))
    strength = 5 * float(field[mask].std())
    for _ in range(3):
        local, left = remove_random_background(rng, field, mask, dipole, strength)
        assert left.sum() < mask.sum()
        assert not (left & ~mask).any()
        assert (local - field)[left].std() < 0.15 * strength
    thin = mask & (np.arange(40) < 10)
    assert remove_random_background(rng, field, thin, dipole, strength) == (field, thin)


def recipe_of(networks):
    small = {
        "config": SMALL,
        "networks": networks,
        "sources": {"shapes": 1.0},
        "patches": {16: 1.0},
    }
    return replace(find_recipe("uncertainty"), **small)


@pytest.mark.slow
def test_training_brings_the_coverage_to_68_percent(inversions, monkeypatch):
    monkeypatch.setattr("qsmbids.training.engine.batches.CHECKED", {16: 1.0})
    recipe = recipe_of(inversions)
    torch.manual_seed(0)
    model = build(recipe)
    torch.nn.init.constant_(model.unet.last.bias, -3.0)  # a spread that is far too small
    samples = Batches(recipe)
    batches = [samples[n] for n in range(8)]
    unseen = validation_batches(recipe, Data())["shapes"]

    def found():
        return float(torch.cat([recipe.score(model, batch) for batch in unseen]).mean())

    assert found() < 20
    optimizer = torch.optim.Adam(model.parameters(), 2e-2)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, 60)
    for step in range(60):
        optimizer.zero_grad()
        recipe.loss(model, batches[step % 8], 0).backward()
        optimizer.step()
        schedule.step()
    assert 50 < found() < 80


def test_the_default_method_gives_an_uncertainty_unless_it_is_unwanted(
    spread, inversions, monkeypatch
):
    _, field, mask = head()
    monkeypatch.setattr(files, "bundled", lambda *_: {"uncertainty": Path(spread)})
    problem, weights = Problem(field, mask, (1, 1, 1)), inversions[1]
    found = network_tv(problem, weights=weights, iterations=3)
    assert (found.uncertainty[mask] > 0).all()
    assert not found.uncertainty[~mask].any()
    assert found.details["UncertaintyWeights"]["SHA256"] == files.digest(Path(spread))
    assert found.details["Weights"]["SHA256"] == files.digest(Path(inversions[1]))
    # it is that of the refined map, not of the network's
    again = predict_uncertainty(found.chi, problem, weights=spread)
    np.testing.assert_array_equal(found.uncertainty, again)
    without = network_tv(problem, weights=weights, iterations=3, uncertainty=False)
    assert without.uncertainty is None
    assert "UncertaintyWeights" not in without.details
    np.testing.assert_array_equal(without.chi, found.chi)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_run_knows_which_uncertainty_the_default_method_reads(
    spread, inversions, monkeypatch, wanted
):
    monkeypatch.setattr(
        files, "bundled", lambda *_: {"uncertainty": Path(spread), "dcnet": Path(inversions[1])}
    )
    read = digests([DEFAULT], {} if wanted else {DEFAULT: {"uncertainty": False}})[DEFAULT]
    expected = {"weights": files.digest(Path(inversions[1]))}
    assert read == expected | ({"uncertainty": files.digest(Path(spread))} if wanted else {})


def test_the_network_does_not_estimate_one_of_its_own_map(spread, inversions, monkeypatch):
    _, field, mask = head()
    asked = []
    monkeypatch.setattr(files, "bundled", lambda *_: {"uncertainty": Path(spread)})
    monkeypatch.setattr(
        "qsmbids.inference.predict_uncertainty.predict_uncertainty",
        lambda chi, *_, **__: asked.append(chi) or abs(chi),
    )
    found = network_tv(Problem(field, mask, (1, 1, 1)), weights=inversions[1], iterations=2)
    assert len(asked) == 1
    assert asked[0] is found.chi


@pytest.mark.slow
@pytest.mark.skipif("uncertainty" not in files.bundled(), reason="its weights are not shipped")
@pytest.mark.parametrize("name", [*bundled("inversion"), DEFAULT])
def test_one_sigma_holds_what_it_should_of_a_head_it_has_not_seen(name):
    made = simulate_head(
        HeadRecipe(shape=(82, 102, 102), voxel_size=(2.0, 2.0, 2.0), anatomy=4242, seed=4242)
    )
    mask, noise = made.brain_mask, np.random.default_rng(0).normal(0, 0.002, made.chi.shape)
    field = np.where(mask, made.local_field + noise, 0).astype(np.float32)
    geometry = {"voxel_size": made.voxel_size, "b0_dir": made.b0_dir}
    if name == DEFAULT:
        found = reconstruct(field, mask, **geometry)
    else:
        found = network(Problem(field, mask, **geometry), weights=name)
    error = np.abs(found.chi - made.chi_brain)[mask]
    # 68 % over all that it was trained on; this head's field has not been through a removal
    assert 0.60 < np.mean(error <= found.uncertainty[mask]) < 0.82
