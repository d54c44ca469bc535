"""Methods against each other: paired tests over subjects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from qsmbids.array_types import Double
from qsmbids.evaluation.summary import NAN, Scores, finite

ALPHA = 0.05


@dataclass(frozen=True)
class PairedTest:
    """Two methods compared by one metric on the subjects that both have.

    Attributes
    ----------
    metric, first, second : str
        What is compared.
    n : int
        Subjects with both.
    difference, sd : float
        Mean and standard deviation of first minus second.
    cohens_dz : float
        Their ratio, the effect size of the t-test.
    rank_biserial : float
        Effect size of the signed-rank test: the share of ranks in favour of a positive
        difference less that in favour of a negative one.
    p_wilcoxon, p_t : float
        Of the two-sided Wilcoxon signed-rank test and of the paired t-test.
    p_wilcoxon_holm, p_t_holm : float
        Corrected after Holm for the pairs of methods compared by this metric.
    note : str
        Why the tests say little, where they do.
    """

    metric: str
    first: str
    second: str
    n: int
    difference: float
    sd: float
    cohens_dz: float
    rank_biserial: float
    p_wilcoxon: float
    p_t: float
    p_wilcoxon_holm: float
    p_t_holm: float
    note: str


def compare(scores: Scores) -> list[PairedTest]:
    """Test every pair of methods against each other, metric by metric.

    Parameters
    ----------
    scores : mapping
        As for `qsmbids.evaluation.summarise`. Subjects must be independent: average repeated
        scans of one first.

    Returns
    -------
    list of PairedTest
        By metric, then by pair in the order of the methods; without those that no subject has
        in common.

    Examples
    --------
    >>> better = {f"sub-{i}": {"nrmse": 50.0 + i} for i in range(6)}
    >>> worse = {f"sub-{i}": {"nrmse": 60.0 + 2 * i} for i in range(6)}
    >>> [test] = compare({"a": better, "b": worse})
    >>> test.n, test.difference, test.p_wilcoxon
    (6, -12.5, 0.03125)

    References
    ----------
    Wilcoxon, Biometrics Bull 1:80 (1945); Holm, Scand J Stat 6:65 (1979); Lakens, Front Psychol
    4:863 (2013), eq. 6 (d_z); Kerby, Compr Psychol 3:1 (2014) (rank-biserial correlation).
    """
    metrics = dict.fromkeys(
        name for subjects in scores.values() for values in subjects.values() for name in values
    )
    return [test for metric in metrics for test in _compare_by(metric, scores)]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number after Holm; NaN stays and does not count.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    known = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    corrected, largest = [NAN] * len(p_values), 0.0
    for rank, (p, place) in enumerate(known):
        largest = max(largest, min(p * (len(known) - rank), 1.0))
        corrected[place] = largest
    return corrected


def _compare_by(metric: str, scores: Scores) -> list[PairedTest]:
    pairs: list[tuple[str, str, Double]] = []
    for first, second in combinations(scores, 2):
        a, b = (finite(scores[method], metric) for method in (first, second))
        difference = np.array([a[subject] - b[subject] for subject in a if subject in b])
        if difference.size:
            pairs.append((first, second, difference))
    ranks = [_signed_rank(difference) for *_, difference in pairs]
    students = [_paired_t(difference) for *_, difference in pairs]
    p_ranks, p_students = holm([p for _, p in ranks]), holm(students)
    return [
        PairedTest(
            metric=metric,
            first=first,
            second=second,
            n=difference.size,
            difference=float(difference.mean()),
            sd=float(difference.std(ddof=1)) if difference.size > 1 else NAN,
            cohens_dz=_effect(difference),
            rank_biserial=ranks[number][0],
            p_wilcoxon=ranks[number][1],
            p_t=students[number],
            p_wilcoxon_holm=p_ranks[number],
            p_t_holm=p_students[number],
            note=_note(difference, len(pairs)),
        )
        for number, (first, second, difference) in enumerate(pairs)
    ]


def _signed_rank(difference: Double) -> tuple[float, float]:
    """Return the rank-biserial correlation and p of the signed-rank test without zeros."""
    from scipy.stats import rankdata, wilcoxon

    moved = difference[difference != 0]
    if difference.size < 2 or moved.size == 0:
        return NAN, NAN
    ranks = rankdata(np.abs(moved))
    balance = float(ranks[moved > 0].sum() - ranks[moved < 0].sum()) / float(ranks.sum())
    return balance, float(wilcoxon(moved).pvalue)


def _paired_t(difference: Double) -> float:
    from scipy.stats import ttest_1samp

    if difference.size < 2 or not _varies(difference):
        return NAN
    return float(ttest_1samp(difference, 0.0).pvalue)


def _effect(difference: Double) -> float:
    if difference.size < 2 or not _varies(difference):
        return NAN
    return float(difference.mean() / difference.std(ddof=1))


def _varies(difference: Double) -> bool:
    """Tell whether differences differ by more than rounding."""
    return bool(np.ptp(difference) > 1e-12 * np.abs(difference).max())


def _note(difference: Double, pairs: int) -> str:
    """Say why a test says little: no differences, or too few for a corrected p below 0.05."""
    n = difference.size
    if n < 2:
        return "one subject: no test is possible"
    moved = int(np.count_nonzero(difference))
    if moved == 0:
        return "no differences: no test is possible"
    smallest = min(pairs * 2.0 ** (1 - moved), 1.0)
    if smallest > ALPHA:
        return f"n is too small: the signed-rank test cannot give less than {smallest:.2g}"
    return ""
