"""How the learning rate goes down over a training: factors on its highest value."""

from __future__ import annotations

import math
from collections.abc import Callable

WARM_UP = 0.02  # of the training: the learning rate rises from zero
LAST_RATE = 0.02  # of the learning rate, at the end of the cosine


def cosine(step: int, progress: float) -> float:
    """Return half a cosine's wave over the share of the training that is done, after a warm-up."""
    warm = min((progress + 1e-4) / WARM_UP, 1.0)
    return warm * (LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * progress)) / 2)


def exponential(step: int, progress: float) -> float:
    """Return a factor that falls by 1/e every 2,000 steps, in stairs of 200."""
    return math.exp(-0.1 * (step // 200))


SCHEDULES: dict[str, Callable[[int, float], float]] = {
    "cosine": cosine,
    "exponential": exponential,
}
"""By name; each takes the step and the share of the training that is done, 0 to 1."""
