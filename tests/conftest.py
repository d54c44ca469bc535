"""What every test may use: deterministic hypothesis, seeded random numbers, measured data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# deterministic: the same examples on every machine, and no deadline on a busy one
settings.register_profile(
    "qsmbids",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=20,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("qsmbids")

ROOT = Path(__file__).resolve().parents[1]
MEASURED = ROOT.parent / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs measured data, so that `-m "not real"` leaves it out."""
    for item in items:
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker("real")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of measured data beside the project, or skip the test."""
    if not MEASURED.is_dir():
        pytest.skip("the measured data are not on this machine")
    return MEASURED


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a generator with the same seed for every test."""
    return np.random.default_rng(2024)
