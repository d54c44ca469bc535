"""What the tests of finding share."""

from __future__ import annotations

from pathlib import Path

import pytest
from bids_tree import write_derivatives, write_description


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Return a raw dataset without images."""
    return write_description(tmp_path / "raw")


@pytest.fixture
def derivatives(tmp_path: Path) -> Path:
    """Return a derivatives dataset without images."""
    return write_derivatives(tmp_path / "masks")
