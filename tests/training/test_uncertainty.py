"""What an estimate of uncertainty learns from, and that training keeps its promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage
from training_tiny import SMALL, inversion_weights
from volumes import smooth_tissue

from qsmbids.physics import DipoleConvolution
from qsmbids.physics.torch_dipole import Dipole
from qsmbids.training.data.corruption import Corruption, corrupt
from qsmbids.training.data.corruption.background_removal import remove_random_background
from qsmbids.training.data.network_maps import (
    REFINED,
    drawn_maps,
    drawn_way,
    load_inversions,
    refinements,
)
from qsmbids.training.data.random_fields import SmoothNoise
from qsmbids.training.data.sources import Data
from qsmbids.training.engine.batches import Batches, validation_batches
from qsmbids.training.engine.models import build
from qsmbids.training.methods import find_recipe
from qsmbids.training.methods.uncertainty import ONE_SIGMA, quantile_loss

SHAPE = (33, 28, 30)


@pytest.fixture
def inversions(tmp_path):
    return inversion_weights(tmp_path)


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
    # sources around the mask explain a part of a field, so to be explained by the map alone
    # it must be one that the map's own sources make
    dipole = Dipole(batch["kernel"], tuple(batch["padded"].tolist()))
    ours = {**batch, "field": dipole(batch["chi"] * batch["mask"]) * batch["mask"]}
    assert residual(ours, drawn(ours, found, 0.1)) < 0.98 * residual(ours, consistent(ours, 0))
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
    chi, _, mask = smooth_tissue(SHAPE)
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
    _, _, mask = smooth_tissue(SHAPE)
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
