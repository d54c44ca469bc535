"""Two runs at once: never on the same session, always beside each other on others."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import phantom
import pytest

from qsmbids.bids import Series
from qsmbids.cli.main import main
from qsmbids.errors import InputError
from qsmbids.settings import Settings
from qsmbids.workflows.ending import SIGNALS
from qsmbids.workflows.locks import FORGOTTEN, _started, held
from qsmbids.workflows.workers import Workers


def series(participant: str = "01", session: str | None = None, run: str = "1") -> Series:
    return Series(participant, session, {"sub": participant, "run": run}, "raw")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "ds", tmp_path / "out", tmp_path / "work", methods=("tkd",))


@pytest.fixture
def another_run() -> int:
    """Return the process of a program that runs."""
    program = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield program.pid
    program.kill()
    program.communicate()


def locks(settings: Settings) -> list[Path]:
    return sorted([*settings.output_dir.rglob("*.lock"), *settings.work_dir.rglob("*.lock")])


def leave(
    settings: Settings,
    series: Sequence[Series],
    *,
    process: int,
    host: str = "",
    namespace: int | None = None,
    started: int | None = None,
) -> None:
    """Leave the locks of a run behind that has not let go of them."""
    with held(series, settings):
        made = locks(settings)
        held_as = made[0].read_text()
    for path in made:
        owner = json.loads(held_as)
        began = _started(process) if started is None else started
        owner |= {"Host": host or socket.gethostname(), "Process": process, "Started": began}
        owner |= {} if namespace is None else {"Namespace": namespace}
        path.write_text(json.dumps(owner))


def test_a_session_is_held_once_and_let_go(settings: Settings, another_run: int) -> None:
    with held([series(), series(run="2")], settings):
        assert [path.name for path in locks(settings)] == ["sub-01.lock"] * 2
        owner = json.loads(locks(settings)[0].read_text())
        assert (owner["Host"], owner["Process"]) == (socket.gethostname(), os.getpid())
    assert not locks(settings)
    # another session is not free: the page is of both
    leave(settings, [series(session="a")], process=another_run)
    refused = pytest.raises(InputError, match=rf"sub-01 is .*process {another_run}.*wait.*end it")
    with refused, held([series(session="b")], settings):
        pytest.fail("held twice")
    assert len(locks(settings)) == 2  # the other run's


def test_others_go_on(settings: Settings, another_run: int) -> None:
    leave(settings, [series("01", "a")], process=another_run)
    with held([series("02")], settings):
        assert len(locks(settings)) == 4


@pytest.mark.parametrize("shared", ["output_dir", "work_dir"])
def test_one_folder_in_common_is_enough(
    settings: Settings, another_run: int, shared: str, tmp_path: Path
) -> None:
    leave(settings, [series()], process=another_run)
    elsewhere = replace(settings, output_dir=tmp_path / "o", work_dir=tmp_path / "w")
    with held([series()], elsewhere):
        pass
    elsewhere = replace(elsewhere, **{shared: getattr(settings, shared)})
    with pytest.raises(InputError, match="another run"), held([series()], elsewhere):
        pytest.fail("held twice")


def test_the_lock_of_a_killed_run_is_taken_over(settings: Settings, another_run: int) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    # the number of a process that has ended is free, or has come round to another, or to us
    for process in (gone.pid, another_run, os.getpid()):
        leave(settings, [series()], process=process, started=1)
        with held([series()], settings):
            assert json.loads(locks(settings)[0].read_text())["Process"] == os.getpid()


def test_a_process_of_another_container_is_not_known(settings: Settings) -> None:
    leave(settings, [series()], process=os.getpid(), namespace=1)
    with pytest.raises(InputError, match="another run"), held([series()], settings):
        pytest.fail("held twice")


def test_a_faster_run_keeps_the_lock_that_it_took_over(
    settings: Settings, another_run: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(settings, [series()], process=1, host="node-7")

    def age(path: Path) -> float:
        """Find it forgotten, and be slow enough for another run to take it."""
        owner = json.loads(path.read_text()) | {"Host": "node-8", "Process": 5}
        path.write_text(json.dumps(owner))
        return FORGOTTEN

    monkeypatch.setattr("qsmbids.workflows.locks._age", age)
    with pytest.raises(InputError, match="process 5 on node-8"), held([series()], settings):
        pytest.fail("held twice")
    assert len(locks(settings)) == 2


@pytest.mark.parametrize("content", ['{"Host": "node-7", "Process": 12}', "", "[]"])
def test_a_lock_from_elsewhere_says_how_to_remove_it(settings: Settings, content: str) -> None:
    leave(settings, [series()], process=1, host="node-7")
    for path in locks(settings):
        path.write_text(content)
    with pytest.raises(InputError, match=r"remove .*sub-01.lock"), held([series()], settings):
        pytest.fail("held twice")


def test_a_lock_without_a_sign_of_life_is_taken_over(settings: Settings) -> None:
    leave(settings, [series()], process=1, host="node-7")
    for path in locks(settings):
        then = path.stat().st_mtime - FORGOTTEN - 1
        os.utime(path, (then, then))
    with held([series()], settings):
        assert json.loads(locks(settings)[0].read_text())["Process"] == os.getpid()
    assert not locks(settings)


def test_a_run_that_is_suspended_keeps_its_lock(settings: Settings, another_run: int) -> None:
    leave(settings, [series()], process=another_run)
    for path in locks(settings):
        os.utime(path, (1, 1))
    with pytest.raises(InputError, match="or end it"), held([series()], settings):
        pytest.fail("held twice")


def test_a_lock_dated_in_the_future_is_forgotten_like_others(settings: Settings) -> None:
    leave(settings, [series()], process=1, host="node-7")
    for path in locks(settings):
        os.utime(path, (2e9 + time.time(), 2e9 + time.time()))
    with pytest.raises(InputError, match="in 5 minutes"), held([series()], settings):
        pytest.fail("held twice")
    assert locks(settings)[0].stat().st_mtime < time.time() + 10


def test_the_holder_gives_signs_of_life(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qsmbids.workflows.locks.REFRESHED", 0.02)
    with held([series()], settings):
        for path in locks(settings):
            os.utime(path, (1, 1))
        deadline = time.monotonic() + 20
        while any(path.stat().st_mtime < 2 for path in locks(settings)):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_lock_that_another_run_took_over_is_left_to_it(settings: Settings) -> None:
    with held([series()], settings):
        for path in locks(settings):
            path.write_text('{"Host": "node-7", "Process": 12}')
    assert len(locks(settings)) == 2


@pytest.mark.parametrize("number", SIGNALS)
def test_a_terminated_run_lets_go(settings: Settings, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), held([series()], settings):
        os.kill(os.getpid(), number)
    assert not locks(settings)
    assert signal.getsignal(number) is before


def test_an_end_that_a_library_caught_comes_all_the_same(settings: Settings) -> None:
    with held([series()], settings):
        with suppress(BaseException):  # as traits do
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            Workers(1).result(0)
    assert Workers(1).result(0) is None


def test_nohup_is_obeyed(settings: Settings) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with held([series()], settings):
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_run_is_refused_with_one_sentence(
    settings: Settings, another_run: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = phantom.write_dataset(tmp_path / "ds", ("01", "02"))
    leave(settings, [series("01")], process=another_run)
    command = [str(root), str(settings.output_dir), "participant", "-w", str(settings.work_dir)]
    command += ["--brain-extraction", "none", "--skip-bids-validation", "--method", "tkd"]
    command += ["--nprocs", "1"]
    assert main(command) == 1
    told = capsys.readouterr().err
    assert "sub-01 is being processed by another run" in told
    assert len(told.splitlines()) == 1
    assert main([*command, "--participant-label", "02"]) == 0
    assert [path.name for path in locks(settings)] == ["sub-01.lock"] * 2
