"""One training in several processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from training_processes import RECIPE

from qsmbids.errors import UsageError
from qsmbids.training.engine.batches import Batches
from qsmbids.training.engine.distributed import distributed
from qsmbids.training.engine.models import build, parameter_groups
from qsmbids.training.methods.schedules import cosine

HELPERS = Path(__file__).parents[1] / "helpers"


def in_two(out, task, *more):
    """Run a task in two processes; return what they ended with, and how the launch did."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += more
    done = subprocess.run(
        [*command, str(HELPERS / "training_processes.py"), str(out), task],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    files = [out / f"rank-{rank}.pt" for rank in (0, 1)]
    return [torch.load(path) if path.exists() else None for path in files], done


def trained_alone(steps):
    """Return the weights after steps on two batches each, their gradients averaged."""
    torch.manual_seed(RECIPE.seed)
    model, samples = build(RECIPE).train(), Batches(RECIPE)
    optimizer = torch.optim.Adam(parameter_groups(model, RECIPE.learning_rate))
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RECIPE.learning_rate * cosine(step, step / steps)
        optimizer.zero_grad()
        for number in (2 * step, 2 * step + 1):
            (RECIPE.loss(model, samples[number], step / steps) / 2).backward()
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
def test_a_killed_process_is_restarted_with_the_other_and_learns_the_same(tmp_path):
    (first, second), done = in_two(tmp_path, "kill", "--max-restarts=1")
    assert done.returncode == 0, done.stderr
    assert "SIGKILL" in done.stderr or "exitcode: -9" in done.stderr
    assert (tmp_path / "resumed").read_text() == "1"
    assert first["step"] == second["step"] == 3
    for name, value in trained_alone(3).named_parameters():
        torch.testing.assert_close(first["model"][name], value.detach(), rtol=1e-4, atol=2e-6)


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


def test_each_process_takes_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    monkeypatch.setattr("torch.distributed.init_process_group", lambda *_, **__: None)
    monkeypatch.setattr("qsmbids.training.engine.distributed._store", lambda: None)
    monkeypatch.setattr("torch.distributed.destroy_process_group", lambda: None)
    with distributed("auto") as alone:
        assert (alone.device, alone.rank, alone.world_size) == (torch.device("cuda"), 0, 1)
    for name, value in (("WORLD_SIZE", 4), ("RANK", 3), ("LOCAL_RANK", 1)):
        monkeypatch.setenv(name, str(value))
    with distributed("cuda") as one:
        assert (one.device, one.rank, one.world_size) == (torch.device("cuda", 1), 3, 4)
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(UsageError, match="no device 'cuda:2'"), distributed("cuda"):
        pass
