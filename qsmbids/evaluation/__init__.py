"""How far a susceptibility map is from its reference, and which method comes nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qsmbids.evaluation.table import METRICS, RESOURCES, Metric
from qsmbids.lazy import lazily

if TYPE_CHECKING:
    from qsmbids.evaluation.metrics import evaluate
    from qsmbids.evaluation.paired_tests import PairedTest, compare
    from qsmbids.evaluation.regional import (
        Agreement,
        diamagnetic_lesion,
        measure_agreement,
        region_means,
    )
    from qsmbids.evaluation.regions import Regions, regions_by_name, regions_of
    from qsmbids.evaluation.summary import Summary, summarise

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

__getattr__ = lazily(
    __name__,
    {
        "evaluate": "metrics",
        "Regions regions_by_name regions_of": "regions",
        "Summary summarise": "summary",
        "PairedTest compare": "paired_tests",
        "Agreement diamagnetic_lesion measure_agreement region_means": "regional",
    },
)
