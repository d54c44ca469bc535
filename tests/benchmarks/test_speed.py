"""The benchmark of speed and memory measures, also another version's code, and keeps its limit."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import qsmbids
from benchmarks.speed import CASES
from qsmbids import background, inversion

ROOT = Path(__file__).resolve().parents[2]


def speed(*words):
    """Run the script and return its rows."""
    command = [sys.executable, "-m", "benchmarks.speed", "--threads", "1", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    lines = [line.strip("| ").split(" | ") for line in done.stdout.splitlines()]
    return {cells[0]: cells[1:] for cells in lines}


def test_every_method_is_a_case():
    assert {*background.METHODS, *inversion.METHODS} < set(CASES)


@pytest.mark.slow
def test_cases_are_measured_with_this_code_and_with_another(tmp_path):
    broken = tmp_path / "broken"
    package = Path(qsmbids.__file__).parent
    shutil.copytree(package, broken / "qsmbids", ignore=shutil.ignore_patterns("data"))
    (broken / "qsmbids" / "inversion" / "tkd.py").write_text("raise ValueError('broken')")
    rows = speed("--sizes", 6, "--only", "tkd", "--against", broken)
    assert rows["s, GB"] == ["6 mm", "6 mm, broken"]
    ours, theirs = rows["tkd"]
    assert 0 < float(ours.split(", ")[0]) < 10
    assert theirs == "failed: ValueError: broken"
