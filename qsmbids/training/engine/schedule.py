"""Where a training stands, how fast it learns there, and how it is told to stop."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Any

from qsmbids.training.methods.recipe import Recipe

WARM_UP = 0.02  # of the training: the learning rate rises from zero
LAST_RATE = 0.02  # of the learning rate, at the end of the cosine


@dataclass
class Clock:
    """How far the training is: by steps, or by the time it may take.

    Attributes
    ----------
    step : int
        Steps done.
    seconds : float
        Time spent on them, over all runs.
    waited : float
        Seconds of this run in which the trainer waited for data.
    """

    steps: int | None
    limit: float | None
    step: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    _since: float = field(default_factory=time.monotonic)

    def start(self) -> None:
        """Count from now on: validation and saving before do not belong to the steps."""
        self._since = time.monotonic()

    def tick(self) -> None:
        """Add the time since the last tick."""
        now = time.monotonic()
        self.seconds, self._since = self.seconds + now - self._since, now

    @property
    def progress(self) -> float:
        """Share of the training that is done, 0 to 1."""
        shares = [0.0]
        if self.steps is not None:
            shares.append(self.step / self.steps)
        if self.limit is not None:
            shares.append(self.seconds / self.limit)
        return min(max(shares), 1.0)

    @property
    def left(self) -> float:
        """Seconds that the rest will take at the speed so far."""
        done = max(self.progress, 1e-9)
        return self.seconds * (1 - done) / done


def learning_rate(recipe: Recipe, clock: Clock) -> float:
    """Return the learning rate of the next step."""
    if recipe.schedule == "exponential":
        return recipe.learning_rate * math.exp(-0.1 * (clock.step // 200))
    warm = min((clock.progress + 1e-4) / WARM_UP, 1.0)
    cosine = (1 + math.cos(math.pi * clock.progress)) / 2
    return recipe.learning_rate * warm * (LAST_RATE + (1 - LAST_RATE) * cosine)


def leave_interrupts(worker: int) -> None:
    """Let Ctrl-C, which reaches the workers too, be the trainer's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Stopping:
    """Call ``ask`` when the process is told to end, instead of ending it."""

    def __init__(self, ask: Callable[[], None]):
        self.ask = ask
        self.before: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self.before[number] = signal.signal(number, self._ask)
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

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.ask()
