"""One light: a number, what was expected, and what is likely wrong where it lies outside."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One number, the range it is expected in, and what is likely wrong outside of it.

    Attributes
    ----------
    name, unit : str
    value : float
    expected : (float, float)
        Both ends belong to the range; either may be infinite.
    below, above : str
        The likely cause of a smaller or a larger value, and what to do.
    """

    name: str
    value: float
    unit: str
    expected: tuple[float, float]
    below: str = ""
    above: str = ""

    @property
    def good(self) -> bool:
        """Whether the value lies in the expected range."""
        return bool(self.expected[0] <= self.value <= self.expected[1])

    @property
    def limited(self) -> bool:
        """Whether any value would lie outside the expected range."""
        return any(map(math.isfinite, self.expected))

    @property
    def advice(self) -> str:
        """The likely cause and what to do, in the direction of the fault."""
        return self.below if self.value < self.expected[0] else self.above

    @property
    def range(self) -> str:
        """The expected range in words."""
        low, high = self.expected
        if math.isinf(low) and math.isinf(high):
            return "any"
        if math.isinf(low) or math.isinf(high):
            end = f"at most {figure(high)}" if math.isinf(low) else f"at least {figure(low)}"
            return f"{end} {self.unit}".strip()
        return f"{figure(low)} to {figure(high)} {self.unit}".strip()

    @property
    def text(self) -> str:
        """What is seen, the likely cause and what to do, in a sentence or two."""
        seen = f"{figure(self.value)} {self.unit}".strip()
        return f"{self.name} is {seen}, expected {self.range}. {self.advice}"


def figure(value: float) -> str:
    """Return a number with three digits that count and without an exponent."""
    text = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    if "e" in text:
        text = f"{value:.4f}"
    return text.replace("-", "\N{MINUS SIGN}")
