"""From the local field to susceptibility: every method by one name and with one signature."""

from __future__ import annotations

from typing import Any

from qsmbids.inversion.methods import COMBINATIONS, DEFAULT, METHODS

__all__ = ["COMBINATIONS", "DEFAULT", "METHODS", "Reconstruction", "invert", "reconstruct"]


def __getattr__(name: str) -> Any:
    """Import the numerics at first use: the command line reads the table alone."""
    if name in ("invert", "reconstruct"):
        from qsmbids.inversion import dispatch

        return getattr(dispatch, name)
    if name == "Reconstruction":
        from qsmbids.inversion.result import Reconstruction

        return Reconstruction
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
