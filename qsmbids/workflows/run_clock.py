"""Which stages of a run are at work, since when, and how long the rest will take."""

from __future__ import annotations

import time
from collections.abc import Mapping

from qsmbids.workflows.stage_names import stage_share


class RunClock:
    """The time of a run, stage by stage.

    Parameters
    ----------
    shares : mapping of str to int
        By series, the shares of the time that its stages will take, as `stage_share` tells them.
    """

    def __init__(self, shares: Mapping[str, int]):
        self._to_come = dict(shares)
        self._ended = 0
        self._since: dict[tuple[str, str], float] = {}
        self._start = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the run has begun."""
        return time.monotonic() - self._start

    @property
    def running(self) -> list[tuple[str, str, float]]:
        """The stages at work: series, stage and its seconds."""
        now = time.monotonic()
        return [(*which, now - since) for which, since in list(self._since.items())]

    def left(self, elapsed: float) -> float | None:
        """Return the seconds that what is to come will take, None before a stage has ended.

        Parameters
        ----------
        elapsed : float
            Seconds that the stages so far took; those at work are taken as half done.
        """
        if not self._ended:
            return None
        half = sum(stage_share(stage) for _, stage in list(self._since)) / 2
        to_come = max(sum(list(self._to_come.values())) - half, 0)
        return elapsed / (self._ended + half) * to_come

    def begin(self, series: str, stage: str) -> None:
        """A stage has begun."""
        self._since[series, stage] = time.monotonic()

    def end(self, series: str, stage: str) -> float | None:
        """A stage has ended; return its seconds, None if it had not to begin."""
        since = self._since.pop((series, stage), None)
        share = stage_share(stage)
        if series in self._to_come:
            self._ended += share
            self._to_come[series] -= share
        return None if since is None else time.monotonic() - since

    def leave(self, series: str) -> None:
        """Expect nothing more of a series."""
        self._to_come.pop(series, None)
