"""The exit codes that docs/options.md lists.

0, 1 and 2 are tried here; 3 in tests/reports/test_checks.py, 130 in tests/cli/test_progress.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bids_tree import add_series, write_description

from docs.tools.descriptor import ERRORS
from qsmbids.cli import main as command
from qsmbids.cli.main import main
from qsmbids.workflows.progress import Progress

OPTIONS = Path(__file__).resolve().parents[2] / "docs" / "options.md"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    root = write_description(tmp_path / "ds")
    add_series(root, "sub-01")
    return root


def run(dataset: Path, *more: str) -> int:
    folders = [str(dataset.parent / "out"), "participant", "-w", str(dataset.parent / "work")]
    return main([str(dataset), *folders, "--skip-bids-validation", *more])


def test_the_table_and_the_descriptor_list_what_there_is() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", OPTIONS.read_text("utf-8"), re.MULTILINE)
    listed = {int(code): text.replace("`", "") for code, text in rows}
    assert {code: text for code, text in listed.items() if code} == ERRORS
    known = {command.OK, command.FAILED, command.USAGE, Progress.RED, command.INTERRUPTED}
    assert set(listed) == known


def test_0_all_is_well(dataset: Path) -> None:
    assert run(dataset, "--dry-run") == 0


def test_1_something_failed(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    next((dataset / "sub-01").rglob("*echo-2*mag*.nii.gz")).unlink()
    assert run(dataset, "--dry-run") == 1
    assert "has no magnitude of the same echo" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong", [["--method", "nothing"], ["--option", "tkd.threshold=2"], ["--nprocs", "0"]]
)
def test_2_the_command_asks_for_what_cannot_be(dataset: Path, wrong: list[str]) -> None:
    try:
        code = run(dataset, "--dry-run", *wrong)
    except SystemExit as end:  # argparse's own
        code = end.code
    assert code == 2
