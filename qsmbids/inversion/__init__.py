"""From the local field to susceptibility: every method by one name and with one signature."""

from __future__ import annotations

from typing import Any

from qsmbids.inversion.methods import METHODS

__all__ = ["METHODS", "invert"]


def __getattr__(name: str) -> Any:
    """Import the numerics at first use: the command line reads the table alone."""
    if name == "invert":
        from qsmbids.inversion.dispatch import invert

        return invert
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
