"""A slice of ``make faults``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.faults import FAULTS, STAGES
from tests.faults.matrix import undisturbed
from tests.faults.scene import Scene

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Return a run that nothing happened to."""
    return undisturbed(tmp_path_factory.mktemp("undisturbed"))


def test_no_stage_is_left_out(quiet: Scene) -> None:
    assert {name for name in quiet.stages() if not name.startswith("report_")} == set(STAGES)


@pytest.mark.parametrize(
    "name",
    [
        "killed when all was done",
        "files of 100 kB at most",
        "suspended after reading",
        "input removed after inversion",
    ],
)
def test_the_run_survives(name: str, quiet: Scene, tmp_path: Path) -> None:
    FAULTS[name](Scene(tmp_path, quiet.expected))
