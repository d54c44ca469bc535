"""The page of an evaluation: which method comes nearest to the reference, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from qsmbids import __version__
from qsmbids.bids.sidecar import write_text
from qsmbids.evaluation import METRICS, RESOURCES, Metric, PairedTest
from qsmbids.evaluation.paired_tests import ALPHA
from qsmbids.evaluation.study.default import why_not_default
from qsmbids.evaluation.study.run import Study
from qsmbids.evaluation.summary import best_of
from qsmbids.reports.environment import environment
from qsmbids.reports.evaluation_figures import draw_agreement, draw_scores
from qsmbids.reports.evaluation_gallery import Gallery

_MEASURES: dict[str, Metric] = {**METRICS, **RESOURCES}


def write_evaluation_page(folder: Path, found: Study, galleries: Sequence[Gallery] = ()) -> Path:
    """Write ``evaluation.html``.

    Parameters
    ----------
    folder : Path
        Where it goes.
    found : Study
        What was measured.
    galleries : sequence of Gallery
        Pictures of the first series.

    Returns
    -------
    Path
        The page; an older one is replaced in one step.
    """
    nuclei, rows = found.nuclei, [row.cells() for row in found.rows]
    picture, agreements = draw_agreement(nuclei) if nuclei else (None, {})
    html = (
        environment()
        .get_template("evaluation.html.j2")
        .render(
            version=__version__,
            reference=found.reference,
            methods=list(found.scores),
            participants=len({row["participant_id"] for row in rows}),
            failures=_failures(rows),
            failed=found.failed,
            notes=_notes(rows),
            table=_table(found),
            not_default=why_not_default(found),
            scores=draw_scores(found.scores),
            tests=_tests(found.tests),
            agreement=picture,
            agreements=agreements,
            galleries=galleries,
            series=len({row["series"] for row in rows if row["status"] == "ok"}),
            rows=rows,
            measures=_measured(found),
        )
    )
    path = folder / "evaluation.html"
    write_text(path, html)
    return path


def _measured(found: Study) -> dict[str, Metric]:
    """Return the measures that are known of any method."""
    names = {one.metric for one in found.summary}
    return {name: metric for name, metric in _MEASURES.items() if name in names}


def _notes(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return what to know of maps that were measured: the maps by the text."""
    notes: dict[str, list[str]] = {}
    for row in rows:
        if row["status"] == "ok" and row["message"]:
            notes.setdefault(row["message"], []).append(f"{row['series']} {row['method']}")
    return notes


def _failures(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], list[str]]:
    """Return the methods whose maps were not measured, by series and reason."""
    failures: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row["status"] != "ok":
            failures.setdefault((row["series"], row["message"]), []).append(row["method"])
    return failures


def _table(found: Study) -> list[dict[str, Any]]:
    """Return a row for each measure: mean and SD of each method, and which is the best."""
    by_metric = {
        name: {one.method: one for one in found.summary if one.metric == name}
        for name in _measured(found)
    }
    return [
        {
            "metric": _MEASURES[name],
            "most": max(one.n for one in summaries.values()),
            "best": best_of(_MEASURES[name].better, list(summaries.values())),
            "cells": [summaries.get(method) for method in found.scores],
        }
        for name, summaries in by_metric.items()
    ]


def _tests(tests: Sequence[PairedTest]) -> list[dict[str, Any]]:
    """Return the tests by metric, with the number of pairs that differ."""
    return [
        {
            "metric": _MEASURES[name],
            "rows": (rows := list(members)),
            "differ": sum(_differs(test) for test in rows),
            "too_few": all(test.note for test in rows),
        }
        for name, members in groupby(tests, key=lambda test: test.metric)
    ]


def _differs(test: PairedTest) -> bool:
    return not math.isnan(test.p_wilcoxon_holm) and test.p_wilcoxon_holm < ALPHA
