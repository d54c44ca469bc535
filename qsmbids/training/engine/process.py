"""What a training asks of its own process: to be told to stop."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any


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
