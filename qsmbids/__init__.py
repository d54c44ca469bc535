"""qsmbids: quantitative susceptibility mapping of whole BIDS datasets."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "invert"]


def __getattr__(name: str) -> Any:
    """Import ``invert`` at first use, so that ``--help`` stays fast."""
    if name == "invert":
        from qsmbids.inversion import invert

        return invert
    raise AttributeError(f"module 'qsmbids' has no attribute {name!r}")
