"""How far a susceptibility map is from its reference, and which method comes nearest."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from qsmbids.evaluation.table import METRICS, RESOURCES, Metric

__all__ = [
    "METRICS",
    "RESOURCES",
    "Agreement",
    "Metric",
    "PairedTest",
    "Regions",
    "Summary",
    "compare",
    "diamagnetic_lesion",
    "evaluate",
    "measure_agreement",
    "region_means",
    "regions_by_name",
    "regions_of",
    "summarise",
]

_HOMES = {
    "metrics": ("evaluate",),
    "regions": ("Regions", "regions_by_name", "regions_of"),
    "comparison": ("PairedTest", "Summary", "compare", "summarise"),
    "regional": ("Agreement", "diamagnetic_lesion", "measure_agreement", "region_means"),
}


def __getattr__(name: str) -> Any:
    """Import the numerics at first use: the command line reads the table alone."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"qsmbids.evaluation.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
