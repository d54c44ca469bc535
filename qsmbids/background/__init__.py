"""From the total field to the local field: every method by one name and with one signature."""

from __future__ import annotations

from typing import Any

from qsmbids.background.methods import DEFAULT, METHODS

__all__ = ["DEFAULT", "METHODS", "LocalField", "remove_background"]


def __getattr__(name: str) -> Any:
    """Import the numerics at first use: the command line reads the table alone."""
    if name in ("LocalField", "remove_background"):
        from qsmbids.background import dispatch

        return getattr(dispatch, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
