"""Being asked to end, by Ctrl-C, a queue or a closed terminal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_asked = threading.Event()


@contextmanager
def interruptible() -> Iterator[None]:
    """Make of each of these signals a KeyboardInterrupt, so that what is held is let go first."""
    before = {}
    with suppress(ValueError):  # not in the main thread: nothing to catch
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:  # as nohup asks
                before[number] = signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _asked.clear()


def _interrupt(number: int, frame: FrameType | None) -> None:
    _asked.set()
    raise KeyboardInterrupt


def raise_if_asked() -> None:
    """Raise KeyboardInterrupt if the process was asked to end, whatever became of that.

    Nipype catches every exception while it copies the inputs of a node, this one too.
    """
    if _asked.is_set():
        raise KeyboardInterrupt
