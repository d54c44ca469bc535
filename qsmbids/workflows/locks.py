"""Locks, so that two runs never process the same participant at once."""

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
Owner = tuple[str, int, int]
_KEYS = ("Host", "Process", "Namespace")


@contextmanager
def held(series: Sequence[Series], settings: Settings) -> Iterator[None]:
    """Hold the participants of these series, in the output and in the work folder.

    Other participants are free for other runs with the same folders.

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
    try:
        before = signal.signal(signal.SIGTERM, _interrupt)
    except ValueError:  # not in the main thread: nothing to catch
        before = None
    try:
        for path in _paths(series, settings):
            _take(path)
            taken.append(path)
        alive.start()
        yield
    finally:
        ended.set()
        for path in taken:
            if _owner(path) == _myself():
                path.unlink(missing_ok=True)
        if before is not None:
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
    # not a session: the sessions of a participant share a page
    for participant in dict.fromkeys(one.participant for one in series):
        name = f"sub-{participant}.lock"
        yield log_dir(settings, participant) / name
        yield settings.work_dir / name


def _take(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = _create(path)
    except FileExistsError:
        _clear(path)
        try:
            handle = _create(path)
        except FileExistsError:  # another run was faster
            raise _refusal(path, _owner(path)) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(dict(zip(_KEYS, _myself(), strict=True)), file)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _create(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)


def _clear(path: Path) -> None:
    """Remove the lock of a run that is known to be gone; raise if it may be alive."""
    owner = _owner(path)
    if _may_be_alive(owner) and _age(path) < FORGOTTEN:
        raise _refusal(path, owner)
    # Renamed first: two runs may judge the same lock, and one of them may be slower than the
    # other is in putting its own in that place.
    aside = path.with_name(f"{path.name}-{socket.gethostname()}-{os.getpid()}")
    with suppress(FileNotFoundError):
        path.rename(aside)
    if aside.exists() and _owner(aside) != owner:
        aside.rename(path)
        raise _refusal(path, _owner(path))
    aside.unlink(missing_ok=True)


def _refusal(path: Path, owner: Owner) -> InputError:
    host, process, _ = owner
    who = f"process {process} on {host}" if host else "it is not known which"
    left = math.ceil(max(FORGOTTEN - _age(path), 1) / 60)
    return InputError(
        f"{path.stem} is being processed by another run ({who}); wait until it has ended; if it "
        f"was killed, start again in {left} minutes, or remove {path}."
    )


def _age(path: Path) -> float:
    """Return the seconds since a file's last change, by the clock of the disk that it is on."""
    try:
        with tempfile.TemporaryFile(dir=path.parent) as now:
            return os.fstat(now.fileno()).st_mtime - path.stat().st_mtime
    except FileNotFoundError:  # let go in the meantime
        return FORGOTTEN


def _myself() -> Owner:
    return socket.gethostname(), os.getpid(), _namespace()


def _namespace() -> int:
    """Return what tells the processes of one container from those of another on one host."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:  # no Linux
        return 0


def _owner(path: Path) -> Owner:
    """Return who holds a lock; nobody if it does not tell (yet)."""
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return str(content["Host"]), int(content["Process"]), int(content["Namespace"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "", 0, 0


def _may_be_alive(owner: Owner) -> bool:
    """Return whether the holder of a lock may be alive; a process is only known on its own host."""
    host, process, namespace = owner
    if (host, namespace) != (socket.gethostname(), _namespace()):
        return True
    if process == os.getpid():  # of before a restart, with a number that has come round to us
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
