"""Why the default method is not the nearest to a reference, where it is not."""

from __future__ import annotations

import math

from qsmbids.evaluation.paired_tests import ALPHA
from qsmbids.evaluation.study.run import Study
from qsmbids.evaluation.summary import best_of
from qsmbids.inversion import DEFAULT

_MEASURE = "nrmse"
_CHOSEN = (
    "The default was chosen as the best over several kinds of data (docs/measurements.md). Total "
    "variation and MEDI may be nearer where the field holds little noise and tissues have sharp "
    "edges, as in most simulations and phantoms; networks where it holds what no susceptibility "
    "explains, as in vivo."
)


def why_not_default(study: Study) -> str:
    """Return why the default is not the best here, and what to do; empty if it is.

    Parameters
    ----------
    study : Study
        With a summary and paired tests by `METRICS`.
    """
    found = {one.method: one for one in study.summary if one.metric == _MEASURE}
    best = best_of("lower", list(found.values()))
    if DEFAULT not in found or best in (None, DEFAULT):
        return ""
    assert best is not None
    first, default = found[best], found[DEFAULT]
    text = (
        f"{best} is nearer to this reference than the default, {DEFAULT}: NRMSE {first.mean:.1f} "
        f"against {default.mean:.1f} %."
    )
    p = _certainty(study, best)
    if not p < ALPHA:
        told = "" if math.isnan(p) else f" (p = {p:.2g})"
        few = f"{first.n} participant{'s' if first.n != 1 else ''}"
        return f"{text} With {few} that may be chance{told}. {_CHOSEN}"
    return f"{text} {_CHOSEN} For data like these take --method {best}."


def _certainty(study: Study, best: str) -> float:
    """Return the corrected p of the signed-rank test of the best method and the default."""
    pair = {best, DEFAULT}
    tests = (t for t in study.tests if t.metric == _MEASURE and {t.first, t.second} == pair)
    return next((test.p_wilcoxon_holm for test in tests), math.nan)
