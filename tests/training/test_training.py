"""Training: samples, objectives, the loop's determinism and resume."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from training_tiny import tiny

from qsmbids.errors import InputError
from qsmbids.inference.perturbation import perturbation, place_shape, random_rotation
from qsmbids.networks.losses import consistency_weight
from qsmbids.networks.weights import load_weights
from qsmbids.physics import DipoleConvolution
from qsmbids.training.data.batches import dipole_of
from qsmbids.training.data.corruption import CLEAN, Corruption, corrupt
from qsmbids.training.data.random_fields import SmoothNoise
from qsmbids.training.data.shapes import random_mask
from qsmbids.training.data.simulated_heads import Heads
from qsmbids.training.data.sources import Data
from qsmbids.training.engine import checkpoint
from qsmbids.training.engine.batches import (
    Batches,
    validation_batches,
)
from qsmbids.training.engine.callbacks import usual_callbacks
from qsmbids.training.engine.models import build
from qsmbids.training.engine.trainer import (
    Callback,
    Trainer,
)
from qsmbids.training.methods import RECIPES
from qsmbids.training.methods.inversion import nrmse

ONE_THREAD = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def heads(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(3):
        labels = rng.integers(1, 5, (30, 34, 28)).astype(np.uint8)
        chi = rng.normal(0, 0.05, labels.shape).astype(np.float16)
        mask = np.ones(labels.shape, bool)
        np.savez(tmp_path / f"head-{number:02d}.npz", chi=chi, labels=labels, mask=mask)
    return tmp_path


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)


def test_batches_are_reproducible_and_differ():
    recipe = tiny()
    first, again, other = Batches(recipe)[3], Batches(recipe)[3], Batches(recipe)[4]
    assert same(first, again)
    assert not torch.equal(first["field"], other["field"])
    assert not same(first, validation_batches(recipe, Data())["shapes"][3])
    assert not same(first, Batches(replace(recipe, seed=1))[3])


@pytest.mark.parametrize("number", range(4))
def test_clean_sample_obeys_the_dipole_equation(number):
    how = replace(Corruption(), background=0.0, model=0.0, noise=1e-9, wrong=0.0, axial=0.0)
    batch = Batches(tiny(corruption=how))[number]
    field = dipole_of(batch)(batch["chi"]) * batch["mask"]
    torch.testing.assert_close(field, batch["field"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("number", range(4))
def test_labels_have_zero_mean_and_everything_is_finite(number):
    batch = Batches(tiny())[number]
    inside = batch["mask"] > 0
    for key in ("field", "chi", "weight"):
        assert torch.isfinite(batch[key]).all()
        assert not batch[key][~inside].any()
    for chi, mask in zip(batch["chi"], inside, strict=True):
        assert abs(float(chi[mask].mean())) < 1e-4 * float(chi[mask].std()) + 1e-7
    assert float(batch["weight"].max()) <= 1


def test_each_corruption_changes_the_field_and_not_the_label():
    base = replace(CLEAN, noise=1e-9)
    parts = {"background": 0.3, "model": 0.3, "noise": 0.01, "wrong": 0.5, "fibres": 0.3}

    def make(how):
        rng = np.random.default_rng(5)
        noise = SmoothNoise(rng, (24,) * 3)
        chi, mask = noise(3.0) * np.float32(0.05), random_mask(rng, noise)
        dipole = DipoleConvolution(chi.shape, (1, 1, 1))
        return corrupt(rng, chi, mask, dipole=dipole, noise=noise, how=how)

    clean = make(base)
    for name, value in parts.items():
        sample = make(replace(base, **{name: value}))
        np.testing.assert_array_equal(sample["chi"], clean["chi"])
        assert np.abs(sample["field"] - clean["field"]).max() > 1e-4, name


@pytest.mark.parametrize("kind", ["ellipsoid", "sphere", "cuboid", "cylinder"])
def test_shapes_have_the_volume_of_their_formula(kind):
    chi = np.zeros((40, 40, 40), np.float32)
    radii = np.array([6.0, 6.0, 6.0] if kind == "sphere" else [5.0, 5.0, 9.0])
    turn = random_rotation(np.random.default_rng(2))
    place_shape(chi, kind, (19.5, 20.2, 19.8), turn, radii, 1.0)
    factor = {"cuboid": 8, "cylinder": 2 * np.pi}.get(kind, 4 / 3 * np.pi)
    assert chi.sum() == pytest.approx(factor * radii.prod(), rel=0.06)


def test_rotations_are_proper():
    for seed in range(5):
        turn = random_rotation(np.random.default_rng(seed))
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(turn) == pytest.approx(1)


def test_smooth_noise_is_smooth_and_of_unit_variance():
    noise = SmoothNoise(np.random.default_rng(0), (32, 32, 32))
    rough, smooth = noise(0.5), noise(4.0)
    assert rough.std() == pytest.approx(1, abs=1e-3)
    assert smooth.std() == pytest.approx(1, abs=1e-3)
    assert np.diff(smooth, axis=0).std() < 0.3 * np.diff(rough, axis=0).std()


def test_perturbation_is_six_strong_sources_and_their_field():
    dipole = DipoleConvolution((40, 40, 40), (1, 1, 1))
    source, field = perturbation(np.random.default_rng(1), dipole)
    assert 1.2 < np.abs(source).max() < 2.0
    np.testing.assert_allclose(field, dipole(source), atol=1e-6)


def test_heads_keep_the_last_for_validation_and_give_patches(heads):
    rng = np.random.default_rng(0)
    for held_out, count in ((False, 2), (True, 1)):
        source = Heads(heads, held_out)
        assert len(source.paths) == count
        chi, mask = source(rng, SmoothNoise(rng, (16,) * 3))
        assert chi.shape == mask.shape == (16,) * 3
        assert mask.dtype == bool
        assert mask.mean() > 0.2
    assert set(Heads(heads).paths).isdisjoint(Heads(heads, held_out=True).paths)


def test_too_few_heads_are_refused(tmp_path):
    with pytest.raises(InputError, match="two are needed"):
        Heads(tmp_path)


@pytest.mark.parametrize("name", RECIPES)
def test_each_recipe_gives_a_finite_loss_and_gradients(name):
    recipe = tiny(name)
    torch.manual_seed(0)
    model = build(recipe)
    loss = recipe.loss(model, Batches(recipe)[0], 0.5)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


def test_consistency_rises_falls_and_stays():
    at = [consistency_weight(p, 1.5, 0.1) for p in (0, 0.2, 0.4, 0.6, 0.8, 1)]
    assert at == pytest.approx([0, 0.75, 1.5, 0.75, 0.1, 0.1])


@ONE_THREAD
def test_one_sample_can_be_learnt_by_heart():
    recipe = tiny(corruption=replace(CLEAN, noise=1e-4))
    batch = Batches(recipe)[1]
    torch.manual_seed(0)
    model = build(recipe)
    dipole = dipole_of(batch)
    before = nrmse(model(batch["field"], batch["mask"], dipole), batch).mean()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        recipe.loss(model, batch, 0).backward()
        optimizer.step()
    after = nrmse(model(batch["field"], batch["mask"], dipole), batch).mean()
    assert after < 0.6 * before


class StopAt(Callback):
    """Tells a training to end, as a scheduler might, at a step."""

    def __init__(self, step):
        self.step = step

    def on_step(self, trainer, loss):
        if trainer.clock.step == self.step:
            trainer.stop()


@ONE_THREAD
def test_resume_equals_an_uninterrupted_run(tmp_path):
    recipe = tiny()

    def train(out, *stops):
        for stop in stops:
            trainer = Trainer(recipe, out, log=lambda line: None)
            checkpoint.resume(trainer)
            trainer.run(steps=8, workers=0, callbacks=[*usual_callbacks(), StopAt(stop)])
        return trainer.model.state_dict(), trainer.averaged.state_dict()

    whole, halves = train(tmp_path / "a", 8), train(tmp_path / "b", 3, 8)
    assert same(whole[0], halves[0])
    assert same(whole[1], halves[1])


@ONE_THREAD
def test_training_leaves_weights_card_and_log(tmp_path):
    lines = []
    trainer = Trainer(tiny(), tmp_path, log=lines.append)
    trainer.run(steps=2, workers=0, callbacks=usual_callbacks(report_every=0))
    model, card = load_weights(tmp_path / "weights.safetensors")
    assert model.config == trainer.model.config
    assert card["steps"] == 2
    assert card["recipe"]["seed"] == 0
    assert "shapes" in card["scores"]["held-out NRMSE in %"]
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert {"loss", "scores"} <= {key for record in records for key in record}
    assert any("waiting for data" in line for line in lines)
    with pytest.raises(InputError, match="is of the recipe dcnet"):
        checkpoint.resume(Trainer(tiny("synthnet"), tmp_path))


@ONE_THREAD
def test_a_training_can_start_from_the_weights_of_another(tmp_path):
    first = Trainer(tiny(), tmp_path / "a", log=lambda line: None)
    first.run(steps=1, workers=0, callbacks=usual_callbacks())
    path = tmp_path / "a" / "weights.safetensors"
    longer = Trainer(tiny(seed=3), tmp_path / "b", start=path)
    for name, value in longer.model.state_dict().items():
        torch.testing.assert_close(value, first.averaged.state_dict()[name], rtol=1e-3, atol=1e-6)
    with pytest.raises(InputError, match="does not fit the network of the recipe synthnet"):
        Trainer(tiny("synthnet"), tmp_path / "c", start=path)


@pytest.mark.slow
def test_a_killed_training_goes_on_from_the_command_line(tmp_path):
    command = [sys.executable, "-m", "qsmbids.training", "--recipe", "synthnet", "--steps", "25"]
    command += ["--out", str(tmp_path), "--threads", "1", "--resume"]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    assert "step 0:" in first.stdout.readline()
    time.sleep(1)
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=120)
    assert (tmp_path / "checkpoint.pt").exists()
    second = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "going on from step" in second.stdout
    assert "step 25: held-out NRMSE" in second.stdout
