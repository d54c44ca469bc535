"""Where a training stands: by steps, or by the time that it may take."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Clock:
    """How far the training is.

    Attributes
    ----------
    steps, limit
        How many steps and seconds it may take; None for no such limit.
    step : int
        Steps done.
    seconds : float
        Time spent on them, over all runs.
    prepared : float
        Seconds that went by before the first step: they count towards the limit.
    waited : float
        Seconds of this run in which the trainer waited for data.
    """

    steps: int | None
    limit: float | None
    step: int = 0
    seconds: float = 0.0
    prepared: float = 0.0
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
            shares.append(self.seconds / max(self.limit - self.prepared, 1e-9))
        return min(max(shares), 1.0)

    @property
    def spent(self) -> float:
        """Seconds that all of it has taken."""
        return self.prepared + self.seconds

    @property
    def left(self) -> float:
        """Seconds that the rest will take at the speed so far."""
        done = max(self.progress, 1e-9)
        return self.seconds * (1 - done) / done
