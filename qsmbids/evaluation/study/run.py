"""A study from its maps to tables: every scan measured, methods compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qsmbids.bids import write_json
from qsmbids.bids.dataset import make_writable
from qsmbids.bids.series_results import Derivative
from qsmbids.evaluation import METRICS, PairedTest, Summary, compare, summarise
from qsmbids.evaluation.study.job import EvaluationJob
from qsmbids.evaluation.study.maps import Scan
from qsmbids.evaluation.study.measure import measure
from qsmbids.evaluation.study.scans import find_scans
from qsmbids.evaluation.study.stack import Stack
from qsmbids.evaluation.study.tables import FAILED, OK, Row, write_tables
from qsmbids.networks.weights_file import digest
from qsmbids.provenance import this_run

Scores = dict[str, dict[str, dict[str, float]]]
Told = Callable[[Scan, Sequence[Row], Stack | None, str], None]


@dataclass
class Study:
    """What was found.

    Attributes
    ----------
    reference : str
        Where the references lie.
    rows : list of Row
        One for each map.
    scores : dict
        Values by method, participant and metric.
    summary, tests : list
        Of the scores.
    """

    reference: str
    rows: list[Row]
    scores: Scores
    summary: list[Summary]
    tests: list[PairedTest]

    @property
    def failed(self) -> int:
        """How many maps were not measured."""
        return sum(row.status == FAILED for row in self.rows)

    @property
    def nuclei(self) -> dict[str, list[tuple[str, float, float]]]:
        """Name, reference and value of every nucleus by method."""
        found: dict[str, list[tuple[str, float, float]]] = {}
        for row in self.rows:
            found.setdefault(row.method, []).extend((n, *pair) for n, pair in row.nuclei.items())
        return {method: points for method, points in found.items() if points}


def run_study(job: EvaluationJob, tell: Told) -> Study:
    """Measure every map, compare the methods and write tables and provenance.

    ``tell`` is told of each scan: its rows, its images if they could be read, and how far it is.
    Raises what `find_scans` raises.
    """
    scans, root = find_scans(job)
    make_writable(job.folder)
    rows: list[Row] = []
    for number, scan in enumerate(scans, 1):
        found, stack = measure(scan)
        rows += found
        tell(scan, found, stack, f"{number} of {len(scans)}")
    scores = scores_of(rows)
    study = Study(str(root), rows, scores, summarise(scores), compare(_only_metrics(scores)))
    write_tables(job.folder, rows, study.summary, study.tests)
    write_json(job.folder / "provenance.json", _provenance(job, scans, root))
    return study


def scores_of(rows: Sequence[Row]) -> Scores:
    """Return values by method, participant and metric; several series of one are averaged."""
    gathered: dict[str, dict[str, list[dict[str, float]]]] = {}
    for row in rows:
        if row.status == OK:
            of_method = gathered.setdefault(row.method, {})
            of_method.setdefault(row.participant, []).append(row.values)
    return {
        method: {participant: _mean(found) for participant, found in people.items()}
        for method, people in gathered.items()
    }


def _mean(found: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each value over the series in which it is defined."""
    names = dict.fromkeys(name for values in found for name in values)
    known = {
        name: [v[name] for v in found if not math.isnan(v.get(name, math.nan))] for name in names
    }
    return {name: sum(values) / len(values) for name, values in known.items() if values}


def _only_metrics(scores: Scores) -> Scores:
    """Return the scores without what a method needed to make a map."""
    return {
        method: {
            participant: {name: value for name, value in values.items() if name in METRICS}
            for participant, values in people.items()
        }
        for method, people in scores.items()
    }


def _provenance(job: EvaluationJob, scans: Sequence[Scan], root: Path) -> dict[str, Any]:
    """Return by what the tables were made from what."""
    return {
        **this_run(),
        "BIDS": str(job.bids_dir),
        "References": str(root),
        "Series": {scan.key: _sources_of(scan) for scan in scans},
    }


def _sources_of(scan: Scan) -> dict[str, Any]:
    """Return the files that a scan's values come from, with their digests."""
    reference = scan.reference
    return {
        "Reference": reference and {"Path": str(reference), "SHA256": digest(reference)},
        "Labels": scan.labels and str(scan.labels),
        "Maps": {one.method: _origin(one.image) for one in scan.maps if one.image},
    }


def _origin(image: Derivative) -> dict[str, Any]:
    block = image.provenance
    told = {name: block.get(name) for name in ("Version", "Method", "Parameters", "Weights")}
    return {
        "Path": str(image.path),
        "SHA256": digest(image.path),
        **{name: value for name, value in told.items() if value},
    }
