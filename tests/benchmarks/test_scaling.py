"""The benchmark of speed and memory measures, keeps its limits and draws its page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "scaling"


def scaling(*words):
    """Run the script."""
    command = [sys.executable, str(SCRIPT), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def speed(tmp_path_factory):
    target = tmp_path_factory.mktemp("speed") / "speed"
    done = scaling("--sizes", 48, "--threads", 1, "--only", "tkd", "R2*", "--out", target)
    assert done.returncode == 0, done.stderr
    return target


def test_every_asked_case_is_measured(speed):
    found = json.loads(speed.with_suffix(".json").read_text())
    runs = {run["name"]: run for run in found["runs"]}
    assert set(runs) == {"FFT pair", "tkd", "R2*"}
    assert all(run["seconds"] > 0 and run["size"] == 48 for run in runs.values())
    assert found["grids"][0]["voxels"] == 48**3
    assert 0 < found["grids"][0]["box"] < 48**3


def test_page_is_drawn_anew_from_results_alone(speed, tmp_path):
    copy = tmp_path / "speed.json"
    found = json.loads(speed.with_suffix(".json").read_text())
    found["runs"][-1] = {
        "kind": "inversion", "name": "tkd", "size": 48, "fitted": False, "note": "more than 12 s",
    }  # fmt: skip
    copy.write_text(json.dumps(found))
    done = scaling("--from", copy)
    assert done.returncode == 0, done.stderr
    page = copy.with_suffix(".md").read_text()
    assert "| tkd | \\> 12 s |" in page
    assert found["about"]["commit"] in page
    assert 1000 < copy.with_suffix(".svg").stat().st_size < 200_000
    assert json.loads(copy.read_text()) == found


def test_grid_too_small_for_a_brain_is_refused():
    done = scaling("--sizes", 16)
    assert done.returncode == 2
    assert "48 voxels" in done.stderr
