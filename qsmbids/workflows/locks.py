"""Locks, so that two runs never process the same session at once."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from qsmbids.bids import Series
from qsmbids.errors import InputError
from qsmbids.settings import Settings
from qsmbids.workflows.records import log_dir

REFRESHED = 60.0  # s between the signs of life that the holder of a lock gives
FORGOTTEN = 300.0  # s without one, after which the holder counts as killed


@contextmanager
def held(series: Sequence[Series], settings: Settings) -> Iterator[None]:
    """Hold the sessions of these series, in the output and in the work folder, within the block.

    Other sessions and participants are free for other runs with the same folders.

    Raises
    ------
    InputError
        If another run holds one of them.
    KeyboardInterrupt
        If the process is asked to end, so that it lets go first.
    """
    taken: list[Path] = []
    ended = threading.Event()
    alive = threading.Thread(target=_refresh, args=(taken, ended), daemon=True)
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        for path in _paths(series, settings):
            _take(path)
            taken.append(path)
        alive.start()
        yield
    finally:
        ended.set()
        for path in taken:
            if _owner(path) == (socket.gethostname(), os.getpid()):
                path.unlink(missing_ok=True)
        signal.signal(signal.SIGTERM, before)


def _refresh(paths: Sequence[Path], ended: threading.Event) -> None:
    """Show that the locks' holder is alive, also to other machines, until it has ended."""
    while not ended.wait(REFRESHED):
        for path in paths:
            with suppress(OSError):
                os.utime(path)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _paths(series: Sequence[Series], settings: Settings) -> Iterator[Path]:
    for participant, session in dict.fromkeys((one.participant, one.session) for one in series):
        name = f"sub-{participant}" + (f"_ses-{session}" if session else "") + ".lock"
        yield log_dir(settings, participant) / name
        yield settings.work_dir / name


def _take(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = _create(path)
    except FileExistsError:
        _refuse_alive(path)
        path.unlink(missing_ok=True)
        handle = _create(path)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({"Host": socket.gethostname(), "Process": os.getpid()}, file)


def _create(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)


def _refuse_alive(path: Path) -> None:
    """Raise unless the run that holds the lock is known to be gone."""
    host, process = _owner(path)
    if host == socket.gethostname() and not _is_alive(process):
        return
    left = FORGOTTEN - _age(path)
    if left <= 0:
        return
    who = f"process {process} on {host}" if host else "it is not known which"
    raise InputError(
        f"{path.stem.replace('_', ', ')} is being processed by another run ({who}); wait until it "
        f"has ended; if it was killed, start again in {math.ceil(left / 60)} minutes, or remove "
        f"{path}."
    )


def _age(path: Path) -> float:
    """Return the seconds since a file's last change, by the clock of the disk that it is on."""
    try:
        with tempfile.TemporaryFile(dir=path.parent) as now:
            return os.fstat(now.fileno()).st_mtime - path.stat().st_mtime
    except FileNotFoundError:  # let go in the meantime
        return FORGOTTEN


def _owner(path: Path) -> tuple[str, int]:
    """Return host and process of a lock; empty and 0 if it does not tell (yet)."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return str(content["Host"]), int(content["Process"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", 0


def _is_alive(process: int) -> bool:
    if process == os.getpid():  # of an earlier container, where processes count from 1 again
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
