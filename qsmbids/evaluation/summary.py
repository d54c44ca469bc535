"""Methods over subjects: mean and spread of each, and which is the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Scores = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Values by method, subject and metric, as ``evaluate`` returns them for one map."""
NAN = float("nan")


@dataclass(frozen=True)
class Summary:
    """One metric of one method over subjects; ``sd`` is NaN for a single one."""

    method: str
    metric: str
    mean: float
    sd: float
    n: int


def best_of(better: str, summaries: Sequence[Summary]) -> str | None:
    """Return the best of the methods that made all maps, for others may have left out hard ones.

    Parameters
    ----------
    better : {"lower", "higher"}
        Which values of the metric are.
    summaries : sequence of Summary
        Of one metric, one a method.

    Returns
    -------
    str or None
        None without a competitor, or if two are equal.
    """
    most = max((one.n for one in summaries), default=0)
    sign = 1 if better == "lower" else -1
    ranked = sorted((sign * one.mean, one.method) for one in summaries if one.n == most)
    return ranked[0][1] if len(ranked) > 1 and ranked[0][0] < ranked[1][0] else None


def summarise(scores: Scores) -> list[Summary]:
    """Return mean, standard deviation and number of each method's finite values by metric.

    Parameters
    ----------
    scores : mapping
        Values by method, subject and metric. A subject or metric may be missing; values that
        are not finite count as missing.

    Returns
    -------
    list of Summary
        In the order of the methods, then of their metrics.
    """
    found = []
    for method, subjects in scores.items():
        for metric in dict.fromkeys(name for values in subjects.values() for name in values):
            values = np.array([*finite(subjects, metric).values()])
            if values.size:
                sd = float(values.std(ddof=1)) if values.size > 1 else NAN
                found.append(Summary(method, metric, float(values.mean()), sd, values.size))
    return found


def finite(subjects: Mapping[str, Mapping[str, float]], metric: str) -> dict[str, float]:
    """Return the finite values of a metric by subject."""
    found = {name: values.get(metric, NAN) for name, values in subjects.items()}
    return {name: value for name, value in found.items() if math.isfinite(value)}
