"""One training in several processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qsmbids.errors import UsageError

torch = pytest.importorskip("torch")

from training_processes import RECIPE  # noqa: E402

from qsmbids.training.data.batches import Samples  # noqa: E402
from qsmbids.training.engine.distributed import pick_device  # noqa: E402
from qsmbids.training.engine.models import build, groups  # noqa: E402
from qsmbids.training.engine.schedule import Clock, learning_rate  # noqa: E402
from qsmbids.training.methods.objectives import step_loss  # noqa: E402

HELPERS = Path(__file__).parents[1] / "helpers"


def in_two(out, task):
    """Run a task in two processes; return what they ended with, and how the launch did."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, str(HELPERS / "training_processes.py"), str(out), task],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    files = [out / f"rank-{rank}.pt" for rank in (0, 1)]
    return [torch.load(path) if path.exists() else None for path in files], done


def trained_alone(steps):
    """Return the weights after steps on two batches each, their gradients averaged."""
    torch.manual_seed(RECIPE.seed)
    model, samples = build(RECIPE).train(), Samples(RECIPE)
    optimizer = torch.optim.Adam(groups(model), RECIPE.learning_rate)
    for step in range(steps):
        clock = Clock(steps, None, step)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(RECIPE, clock) * group["factor"]
        optimizer.zero_grad()
        for number in (2 * step, 2 * step + 1):
            (step_loss(model, samples[number], RECIPE, clock.progress) / 2).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), RECIPE.clip)
        optimizer.step()
    return model


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_from_both_batches(tmp_path):
    (first, second), done = in_two(tmp_path, "train")
    assert done.returncode == 0, done.stderr
    alone = trained_alone(3)
    fresh = {name: p.detach().clone() for name, p in build(RECIPE).named_parameters()}
    for name, value in alone.named_parameters():
        assert torch.equal(first["model"][name], second["model"][name]), name
        torch.testing.assert_close(first["model"][name], value.detach(), rtol=1e-4, atol=2e-6)
        assert not torch.equal(value, fresh[name])
    assert first["lines"] > 0
    assert second["lines"] == 0


@pytest.mark.slow
def test_one_told_to_stop_stops_all_at_the_same_step(tmp_path):
    (first, second), done = in_two(tmp_path, "stop")
    assert done.returncode == 0, done.stderr
    assert 3 <= first["step"] == second["step"] < 10_000
    assert torch.load(tmp_path / "checkpoint.pt")["step"] == first["step"]


@pytest.mark.slow
def test_a_loss_that_breaks_in_one_ends_all(tmp_path):
    (first, second), done = in_two(tmp_path, "break")
    assert done.returncode != 0
    assert "not a number any more at step 1" in done.stderr
    assert first["step"] == second["step"] == 1
    assert not (tmp_path / "checkpoint.pt").exists()


def test_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert pick_device("auto") == pick_device("cpu") == torch.device("cpu")
    with pytest.raises(UsageError, match="torch sees 0 GPUs"):
        pick_device("cuda")
    with pytest.raises(UsageError, match="no device 'gpu'"):
        pick_device("gpu")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device("auto") == torch.device("cuda")
    assert pick_device("auto", 1) == torch.device("cuda", 1)
    with pytest.raises(UsageError, match="cuda:2 is not there"):
        pick_device("cuda", 2)
