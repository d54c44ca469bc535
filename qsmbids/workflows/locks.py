"""Locks, so that two runs never process the same participant at once."""

from __future__ import annotations

import json
import math
import os
import socket
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from qsmbids.bids import Series
from qsmbids.errors import InputError
from qsmbids.files import load_json
from qsmbids.settings import Settings
from qsmbids.workflows.ending import interruptible
from qsmbids.workflows.records import log_dir

REFRESHED = 60.0  # s between the signs of life that the holder of a lock gives
FORGOTTEN = 300.0  # s without one, after which the holder counts as killed
_NO_PROCESS = 1 << 31  # more than any process is numbered


class Owner(NamedTuple):
    """Who holds a lock: a process, the namespace that its number is of, and when it began."""

    host: str = ""
    process: int = 0
    namespace: int = 0
    started: int = 0

    @property
    def is_near(self) -> bool:
        """Whether it can be told here if the process lives: it is of this host and container."""
        return (self.host, self.namespace) == (socket.gethostname(), _namespace())


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
    with interruptible():
        try:
            for path in paths(series, settings):
                _take(path)
                taken.append(path)
            alive.start()
            yield
        finally:
            ended.set()
            for path in taken:
                if _owner(path) == _myself():
                    path.unlink(missing_ok=True)


def _refresh(paths: Sequence[Path], ended: threading.Event) -> None:
    """Show that the locks' holder is alive, also to other machines, until it has ended."""
    while not ended.wait(REFRESHED):
        for path in paths:
            with suppress(OSError):
                os.utime(path)


def paths(series: Sequence[Series], settings: Settings) -> Iterator[Path]:
    """Give the locks of the participants of these series."""
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
            json.dump({key.title(): value for key, value in _myself()._asdict().items()}, file)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _create(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)


def _clear(path: Path) -> None:
    """Remove the lock of a run that is known to be gone; raise if it may be alive."""
    owner = _owner(path)
    lives = _lives(owner)
    if lives or (lives is None and _age(path) < FORGOTTEN):
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
    who = f"process {owner.process} on {owner.host}" if owner.host else "it is not known which"
    held = f"{path.stem} is being processed by another run ({who}); wait until it has ended"
    if _lives(owner):
        return InputError(f"{held}, or end it.")
    left = math.ceil(max(FORGOTTEN - _age(path), 1) / 60)
    return InputError(f"{held}; if it was killed, start again in {left} minutes, or remove {path}.")


def _age(path: Path) -> float:
    """Return the seconds since a file's last change, by the clock of the disk that it is on.

    A date in the future says nothing: the seconds then count from now on.
    """
    try:
        with tempfile.TemporaryFile(dir=path.parent) as now:
            age = os.fstat(now.fileno()).st_mtime - path.stat().st_mtime
        if age < 0:
            with suppress(PermissionError):
                os.utime(path)
        return max(age, 0.0)
    except FileNotFoundError:  # let go in the meantime
        return FORGOTTEN


def _myself() -> Owner:
    return Owner(socket.gethostname(), os.getpid(), _namespace(), _started(os.getpid()))


def _started(process: int) -> int:
    """Return when a process began, in ticks since the host did; 0 where that is not known."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
        return int(status.rpartition(")")[2].split()[19])  # behind the program's name
    except (OSError, ValueError, IndexError):
        return 0


def _namespace() -> int:
    """Return what tells the processes of one container from those of another on one host."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:  # no Linux
        return 0


def _owner(path: Path) -> Owner:
    """Return who holds a lock; nobody if it does not tell (yet)."""
    try:
        content = load_json(path)
        host, *numbers = (content[key.title()] for key in Owner._fields)
        owner = Owner(str(host), *map(int, numbers))
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return Owner()
    return owner if 0 < owner.process < _NO_PROCESS else Owner()


def _lives(owner: Owner) -> bool | None:
    """Tell whether the holder of a lock lives; None where that cannot be known from here.

    A number is given anew once its process has ended: the time when it began tells them apart.
    """
    if not owner.is_near:
        return None
    try:
        os.kill(owner.process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    now = _started(owner.process)
    return owner.started == now if owner.started and now else None
