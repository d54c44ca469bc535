"""How far a susceptibility map is from its reference."""

from __future__ import annotations

from typing import Any

from qsmbids.evaluation.table import METRICS, Metric

__all__ = ["METRICS", "Metric", "Regions", "evaluate", "regions_of"]


def __getattr__(name: str) -> Any:
    """Import the numerics at first use: the command line reads the table alone."""
    if name == "evaluate":
        from qsmbids.evaluation.metrics import evaluate

        return evaluate
    if name in ("Regions", "regions_of"):
        from qsmbids.evaluation import regions

        return getattr(regions, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
