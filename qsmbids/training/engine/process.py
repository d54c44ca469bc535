"""What a training asks of its own process: to be told to stop, and to keep freed memory."""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of mallopt, see malloc.h


def keep_freed_memory() -> None:
    """Tell the C library to keep what is freed, where it is glibc.

    A step frees and asks again for hundreds of megabytes. Each time the system would take them
    back and hand out cleared pages; without that a step on the CPU takes a quarter less time.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_MMAP_MAX, 0)
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def ignore_interrupts(worker: int) -> None:
    """Let Ctrl-C, which reaches the workers too, be the trainer's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class CallOnSignal:
    """Call a function when the process is told to end, instead of ending it."""

    def __init__(self, function: Callable[[], None]):
        self.function = function
        self.before: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self.before[number] = signal.signal(number, self._call)
            except ValueError:  # not in the main thread: nothing to catch
                return

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _call(self, number: int, frame: FrameType | None) -> None:
        self.function()
