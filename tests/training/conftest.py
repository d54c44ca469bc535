"""What the tests of training share."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture
def small_checks(monkeypatch):
    """Check a training on one small patch."""
    monkeypatch.setattr("qsmbids.training.engine.batches.CHECKED", {16: 1.0})


@pytest.fixture
def one_thread(small_checks):
    """Run torch in one thread, so that a training's numbers are the same each time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
