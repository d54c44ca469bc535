"""The entry to a training: what it leaves, what it refuses, how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training_tiny import add_subject, tiny

from qsmbids.errors import InputError, UsageError
from qsmbids.networks.base import unets
from qsmbids.networks.unrolled import UnrolledNet
from qsmbids.networks.weights import load_weights, save_weights
from qsmbids.networks.weights_file import digest
from qsmbids.training.__main__ import main as training_command
from qsmbids.training.engine import checkpoint
from qsmbids.training.engine.callbacks import usual_callbacks
from qsmbids.training.engine.checkpoint import overrides
from qsmbids.training.engine.clock import Clock
from qsmbids.training.engine.models import build
from qsmbids.training.engine.trainer import Trainer
from qsmbids.training.methods import find_recipe
from qsmbids.training.run import train
from qsmbids.training.ship import ship_mean

pytestmark = pytest.mark.usefixtures("one_thread")

FIELDS = tiny("uqsm+", sources={"fields": 1.0})


def quiet(line):
    pass


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "store"
    for number in range(3):
        add_subject(folder, f"sub-{number}", seed=number, chi=False)
    return folder


def run(recipe, out, **more):
    return train(recipe, out, **{"steps": 2, "workers": 0, "log": quiet, **more})


def test_the_card_says_everything(tmp_path, store):
    start = save_weights(build(FIELDS), tmp_path / "start.safetensors", {"name": "mine"})
    path = run(FIELDS, tmp_path / "out", subjects=store, held_out=["sub-1"], start=start)
    assert path == tmp_path / "out" / "weights.safetensors"
    _, card = load_weights(path)
    assert card["name"] == "uqsm+"
    assert card["recipe"]["sources"] == card["overrides"]["sources"] == {"fields": 1.0}
    assert card["overrides"]["rim"] == 2
    assert "tv" not in card["overrides"]
    assert card["start"] == {"name": "mine", "sha256": digest(start)}
    assert card["data"]["held_out"] == card["data"]["scored_on"]["fields"] == ["sub-1"]
    assert card["data"]["subjects"]["sub-2"] == digest(store / "sub-2.npz")
    assert (card["seed"], card["steps"], card["device"], card["processes"]) == (0, 2, "cpu", 1)
    assert 0 < card["scores"]["held-out field residual in %"]["fields"] < 200
    assert card["minutes"] >= 0


def test_curves_are_left_for_people_and_for_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trainer = Trainer(tiny(), tmp_path, log=quiet)
    trainer.run(steps=3, workers=0, callbacks=usual_callbacks(report_every=0))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    losses = {line["step"]: line["loss"] for line in lines if "loss" in line}
    assert set(losses) == {1, 2, 3}
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    shown = {event.step: event.value for event in events.Scalars("loss")}
    assert shown == pytest.approx(losses)
    assert [event.step for event in events.Scalars("scores/shapes")] == [0, 3]
    assert {"learning_rate", "waiting"} <= set(events.Tags()["scalars"])


def test_training_needs_no_tensorboard(tmp_path, monkeypatch):
    monkeypatch.setattr("qsmbids.training.engine.curves.find_spec", lambda name: None)
    run(tiny(), tmp_path)
    assert (tmp_path / "log.jsonl").exists()
    assert not (tmp_path / "tensorboard").exists()


def test_one_subject_alone_is_said_to_be_no_validation(tmp_path):
    add_subject(tmp_path / "store", "sub-0")
    lines = []
    path = run(FIELDS, tmp_path / "out", subjects=tmp_path / "store", log=lines.append)
    assert any("no subject is held out" in line for line in lines)
    card = load_weights(path)[1]
    assert card["data"]["held_out"] == []
    assert list(card["scores"]) == ["training field residual in %"]


def test_resuming_wants_the_same_training(tmp_path, store):
    out = tmp_path / "out"
    run(FIELDS, out, subjects=store)
    lines = []
    more = {"subjects": store, "resume": True}
    run(replace(FIELDS, steps=7), out, steps=3, log=lines.append, **more)
    assert lines[0] == "going on from step 2"
    with pytest.raises(InputError, match=r"was trained with tv 0.06, not 0.2; choose another"):
        run(replace(FIELDS, tv=0.2), out, **more)
    with pytest.raises(InputError, match="trained on other data"):
        run(FIELDS, out, held_out=["sub-0"], **more)
    with pytest.raises(InputError, match="of the recipe"):
        run(tiny("uqsm", sources={"fields": 1.0}), out, **more)
    (out / "checkpoint.pt").write_bytes(b"cut off")
    with pytest.raises(InputError, match="is damaged; delete it"):
        run(FIELDS, out, **more)


def test_start_weights_of_another_network_are_refused(tmp_path):
    wider = build(tiny(config={"base": 4, "levels": 3, "iterations": 1}))
    for number, model in enumerate((build(tiny("synthnet")), wider, build(tiny("uncertainty")))):
        path = save_weights(model, tmp_path / f"{number}.safetensors")
        with pytest.raises(InputError, match="does not fit the network of the recipe dcnet"):
            run(tiny(), tmp_path / "out", start=path)
    with pytest.raises(UsageError, match="config of the recipe dcnet cannot be used"):
        run(tiny(config={"filters": 3}), tmp_path / "out")


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_checkpoint(tmp_path):
    recipe = tiny("qsminvnet")
    run(recipe, tmp_path)
    before = digest(tmp_path / "weights.safetensors"), digest(tmp_path / "checkpoint.pt")
    trainer = Trainer(recipe, tmp_path, log=quiet)
    assert checkpoint.resume(trainer)
    loss = trainer.step_loss.forward

    def broken_from_step_4(batch, progress):
        return loss(batch, progress) * (1 if trainer.clock.step < 4 else torch.nan)

    trainer.step_loss.forward = broken_from_step_4
    with pytest.raises(InputError, match=r"not a number any more at step 5.*smaller learning_rate"):
        trainer.run(steps=9, workers=0, callbacks=usual_callbacks())
    assert before == (digest(tmp_path / "weights.safetensors"), digest(tmp_path / "checkpoint.pt"))


def test_weights_that_are_no_numbers_are_not_saved(tmp_path):
    trainer = Trainer(tiny(), tmp_path, log=quiet)
    with torch.no_grad():
        next(trainer.model.parameters()).fill_(torch.inf)
    with pytest.raises(InputError, match="not a number any more"):
        trainer.run(steps=1, workers=0, callbacks=usual_callbacks())
    assert not list(tmp_path.glob("*.safetensors"))


def test_overrides_are_what_differs_from_the_named_recipe():
    recipe = find_recipe("uqsm+")
    assert overrides(recipe) == {}
    assert overrides(recipe.with_options(["tv=0.1"])) == {"tv": 0.1}
    assert overrides(replace(recipe, name="mine"))["tv"] == 0.06


@pytest.mark.slow
def test_training_needs_four_packages_only(tmp_path, store):
    """It runs where the app is not installed: on a bare machine with a GPU."""
    code = f"""
import sys
sys.modules |= dict.fromkeys(
    ["nibabel", "nipype", "nilearn", "matplotlib", "skimage", "bids", "pandas", "yaml", "rich",
     "jinja2", "templateflow", "tensorboard"])
from pathlib import Path
from qsmbids.training import __main__
from qsmbids.training.engine import batches, curves
from qsmbids.training.run import train
from qsmbids.training.ship import ship_mean
from training_tiny import tiny
batches.CHECKED = {{16: 1.0}}
curves.find_spec = lambda name: None
recipe = tiny("uqsm+", sources={{"fields": 0.5, "shapes": 0.5}})
train(recipe, Path({str(tmp_path / "out")!r}), subjects=Path({str(store)!r}), steps=1, workers=0)
"""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "helpers")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_command_line_sets_options_and_takes_subjects(tmp_path, store):
    command = [sys.executable, "-m", "qsmbids.training", "--recipe", "uqsm", "--steps", "1"]
    command += ["--out", str(tmp_path / "out"), "--threads", "1", "--device", "auto"]
    options = ["sources=fields:1", "patches=16:1", "rim=2", "config.base=2", "config.levels=3"]
    for option in options:
        command += ["--set", option]
    done = subprocess.run([*command, "--subjects", str(store)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "held-out field residual fields" in done.stdout
    done = subprocess.run([*command, "--set", "tvv=1"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("There is no option 'tvv'")


@pytest.mark.parametrize("fast", [False, True])
def test_bfloat16_is_used_where_the_processor_has_it_or_on_demand(tmp_path, monkeypatch, fast):
    monkeypatch.setattr("qsmbids.training.engine.trainer.has_bfloat16", lambda device: fast)
    for asked, expected in ((None, fast), (True, True), (False, False)):
        trainer = Trainer(tiny(), tmp_path, use_bfloat16=asked, log=quiet)
        models = (trainer.model, trainer.averaged)
        assert {unet.use_bfloat16 for model in models for unet in unets(model)} == {expected}


@pytest.mark.parametrize(
    ("flags", "asked"), [([], None), (["--bfloat16"], True), (["--float32"], False)]
)
def test_the_command_leaves_the_precision_open_unless_told(monkeypatch, tmp_path, flags, asked):
    given = {}
    monkeypatch.setattr("qsmbids.training.__main__.train", lambda *_, **how: given.update(how))
    monkeypatch.setattr("sys.argv", ["train", "--recipe", "dcnet", "--out", str(tmp_path), *flags])
    assert training_command() == 0
    assert given["bfloat16"] is asked


def test_the_mean_of_trainings_is_shipped_with_what_each_was(tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    for seed, folder in enumerate(folders):
        folder.mkdir()
        torch.manual_seed(seed)
        model = UnrolledNet(iterations=2, base=4, levels=2)
        save_weights(model, folder / "weights.safetensors", {"name": "dcnet", "steps": 5 + seed})
    path = ship_mean(folders, "both", {"NRMSE": 20.0}, tmp_path)
    mean, card = load_weights(path)
    first, second = (load_weights(folder / "weights.safetensors")[0] for folder in folders)
    for name, value in mean.state_dict().items():
        both = (first.state_dict()[name] + second.state_dict()[name]) / 2
        torch.testing.assert_close(value, both, atol=1e-3, rtol=1e-3)
    assert (card["name"], card["steps"], card["scores"]) == ("both", 11, {"NRMSE": 20.0})
    assert [part["steps"] for part in card["mean_of"]] == [5, 6]
    save_weights(UnrolledNet(base=8, levels=2), folders[1] / "weights.safetensors", {})
    with pytest.raises(InputError, match="another network"):
        ship_mean(folders, "both", {}, tmp_path)


def test_the_minutes_hold_the_preparation(tmp_path):
    said: list[str] = []
    trainer = Trainer(tiny(), tmp_path, log=said.append)
    trainer.run(steps=2, minutes=10, prepared=60, workers=0)
    assert any(line.startswith("the preparation took 1.0 of 10 minutes; 9.0 are") for line in said)
    clock = trainer.clock
    assert clock.spent > 60
    assert Clock(None, 600, seconds=270, prepared=60).progress == 0.5
    assert Clock(None, 600, seconds=270, prepared=60).left == 270
    again = Trainer(tiny(), tmp_path, log=said.append)
    again.load_state_dict(trainer.state_dict())
    assert again.clock.prepared == clock.prepared
    with pytest.raises(InputError, match="The 1 minutes were over before the first step"):
        Trainer(tiny(), tmp_path, log=said.append).run(minutes=1, prepared=61, workers=0)
