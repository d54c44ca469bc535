"""How far a fit is, told through logging now and then."""

from __future__ import annotations

import logging
import time

LOG = logging.getLogger(__name__)


class Progress:
    """Log the iteration, the loss and the time left, every so many seconds.

    Parameters
    ----------
    what : str
        What is being fitted.
    total : int
        Iterations at most.
    every : float
        Seconds between two lines.
    """

    def __init__(self, what: str, total: int, every: float = 15.0):
        self.what, self.total, self.every = what, total, every
        self._begun = self._told = time.monotonic()

    def __call__(self, iteration: int, loss: float) -> None:
        """Tell that ``iteration`` is done, if it is time to."""
        now = time.monotonic()
        if now - self._told < self.every or iteration == 0:
            return
        self._told = now
        left = (now - self._begun) * (self.total - iteration) / iteration
        LOG.info(
            "%s: iteration %d of at most %d, loss %.4g, at most %.0f s left",
            self.what, iteration, self.total, loss, left,
        )  # fmt: skip
