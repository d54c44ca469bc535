"""From scores to tables: mean and spread, paired tests, the papers' figures beside them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.papers.ledger import Record
from qsmbids.evaluation import METRICS, compare, summarise
from qsmbids.evaluation.paired_tests import holm

Records = Mapping[str, Mapping[str, Record]]
"""By method and case; a case is ``anatomy/rest``."""
Paper = Mapping[str, Mapping[str, str]]
"""A paper's figures by row and metric."""
DIGITS = {
    "psnr": 1,
    "nrmse": 1,
    "hfen": 1,
    "ssim": 3,
    "xsim": 3,
    "deviation_from_linear_slope": 3,
    "calcification_streak": 3,
}

QUICK = {
    "zs-uqsm+": {"patch_iterations": 1, "patch_size": 16, "iterations": 1, "filters": 2},
    "dip": {"iterations": 2, "filters": 2},
    "qsminvnet": {"iterations": 1},
    "qsminvnet+": {"iterations": 1},
}
"""Options with which a method only shows that it runs."""


def score_table(
    records: Records, reference: str, metrics: Sequence[str], paper: Paper | None = None
) -> list[str]:
    """Return a row for each method: mean ± SD over the cases, a paper's figures beside them."""
    beside = ["paper"] if paper else []
    head = ["", "cases"]
    for metric in metrics:
        head += [_title(metric), *beside]
    rows, failures = [], []
    for method, cases in records.items():
        sound = {name: one[reference] for name, one in cases.items() if "error" not in one}
        cells = [method, str(len(sound))]
        found = {one.metric: one for one in summarise({method: sound})}
        for metric in metrics:
            one = found.get(metric)
            known = _spread(metric, one.mean, one.sd) if one else "undefined"
            cells.append(known if sound else "failed" if cases else "not run")
            if paper:
                cells.append(paper.get(method, {}).get(metric, ""))
        rows.append(cells)
        failures += [
            f"- {method} failed on {name}: {one['error']}"
            for name, one in cases.items()
            if "error" in one
        ]
    return [*table(head, rows), *(["", *failures] if failures else [])]


def pair_table(
    records: Records,
    reference: str,
    pairs: Iterable[tuple[str, str]],
    metrics: Sequence[str],
    paper: Mapping[tuple[str, str], Mapping[str, str]] | None = None,
) -> list[str]:
    """Return a row for each pair of methods: paired tests over anatomies, corrected after Holm.

    The orientations that both methods have are averaged first: those of one anatomy are not
    independent. The correction is for the pairs of the table, metric by metric. ``paper`` holds
    a paper's p by pair and metric.
    """
    rows: list[list[str]] = []
    for metric in metrics:
        tests = []
        for pair in pairs:
            scores = {name: _sound(records.get(name, {}), reference, metric) for name in pair}
            both = set.intersection(*(set(one) for one in scores.values()))
            tests += compare({name: _by_anatomy(scores[name], both, metric) for name in pair})
        corrected = zip(
            holm([test.p_t for test in tests]),
            holm([test.p_wilcoxon for test in tests]),
            strict=True,
        )
        for test, (p_t, p_wilcoxon) in zip(tests, corrected, strict=True):
            told = [paper.get((test.first, test.second), {}).get(metric, "")] if paper else []
            rows.append(
                [
                    f"{test.first}, {test.second}",
                    _title(metric),
                    str(test.n),
                    _spread(metric, test.difference, test.sd),
                    _p(p_t),
                    _p(p_wilcoxon),
                    *told,
                ]
            )
    head = ["first, second", "", "anatomies", "first minus second", "p, t-test", "p, Wilcoxon"]
    head += ["p, paper"] if paper else []
    return table(head, rows)


def figures(shown: Sequence[str], rows: Mapping[Any, Sequence[str]]) -> dict[Any, dict[str, str]]:
    """Return a paper's figures by row and metric."""
    return {name: dict(zip(shown, values, strict=True)) for name, values in rows.items()}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _sound(cases: Mapping[str, Record], reference: str, metric: str) -> dict[str, float]:
    values = {name: one[reference][metric] for name, one in cases.items() if "error" not in one}
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _by_anatomy(
    scores: Mapping[str, float], cases: Iterable[str], metric: str
) -> dict[str, dict[str, float]]:
    together: dict[str, list[float]] = {}
    for name in sorted(cases):
        together.setdefault(name.partition("/")[0], []).append(scores[name])
    return {anatomy: {metric: float(np.mean(values))} for anatomy, values in together.items()}


def _title(metric: str) -> str:
    unit = METRICS[metric].unit
    return f"{METRICS[metric].label}, {unit}" if unit else METRICS[metric].label


def _spread(metric: str, mean: float, sd: float) -> str:
    digits = DIGITS.get(metric, 1)
    return f"{mean:.{digits}f}" + ("" if math.isnan(sd) else f" ± {sd:.{digits}f}")


def _p(value: float) -> str:
    return "" if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
