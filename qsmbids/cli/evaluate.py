"""``qsmbids BIDS OUT evaluate``: measure maps, compare methods, write tables and the page."""

from __future__ import annotations

import math
import os
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from qsmbids import __version__
from qsmbids.bids import write_json
from qsmbids.bids.results import Derivative
from qsmbids.cli.evaluate_find import Map, Scan, find_scans
from qsmbids.cli.evaluate_images import Stack, load_stack
from qsmbids.cli.evaluate_parser import EvaluationJob
from qsmbids.cli.evaluate_tables import FAILED, OK, Row, write_tables
from qsmbids.errors import InputError
from qsmbids.evaluation import METRICS, compare, evaluate, region_means, summarise
from qsmbids.networks.weights_file import digest

PICTURED = 4
"""Series whose maps are shown: the page must stay small."""


def run_evaluation(job: EvaluationJob) -> int:
    """Do what a command line of the level ``evaluate`` asks for and return the exit code.

    Parameters
    ----------
    job : EvaluationJob
        What to compare.

    Returns
    -------
    int
        0 every map was measured, 1 some were not.
    """
    from qsmbids.reports.evaluation import Evaluation, Gallery, write_evaluation_page

    scans, root = find_scans(job)
    _prepare(job.folder)
    rows: list[Row] = []
    galleries: list[Gallery] = []
    for number, scan in enumerate(scans, 1):
        found, stack = measure(scan)
        rows += found
        if stack is not None and len(galleries) < PICTURED:
            galleries.append(_gallery(scan, stack))
        _tell(scan, found, f"{number} of {len(scans)}")
    scores = scores_of(rows)
    tested = {m: {s: _only_metrics(v) for s, v in one.items()} for m, one in scores.items()}
    summary, tests = summarise(scores), compare(tested)
    write_tables(job.folder, rows, summary, tests)
    write_json(job.folder / "provenance.json", _provenance(job, scans, root))
    page = write_evaluation_page(
        job.folder,
        Evaluation(
            reference=str(root),
            rows=[row.cells() for row in rows],
            scores=scores,
            summary=summary,
            tests=tests,
            nuclei=_nuclei(rows),
            galleries=galleries,
        ),
    )
    failed = sum(row.status == FAILED for row in rows)
    print(f"{len(rows) - failed} maps measured, {failed} not; open {page}")
    return int(bool(failed))


def measure(scan: Scan) -> tuple[list[Row], Stack | None]:
    """Measure all maps of a scan; return a row for each, and the images if they could be read."""
    try:
        stack = load_stack(scan)
    except InputError as error:
        return [_failed(scan, one, one.problem or str(error)) for one in scan.maps], None
    return [_measure_map(scan, one, stack) for one in scan.maps], stack


def _measure_map(scan: Scan, one: Map, stack: Stack) -> Row:
    if one.method in stack.problems or one.image is None:
        return _failed(scan, one, stack.problems[one.method])
    chi, shared = stack.maps[one.method], (stack.reference, stack.mask)
    return Row(
        scan.key,
        one.method,
        OK,
        {**evaluate(chi, *shared, regions=stack.regions), **resources(one.image)},
        region_means(chi, *shared, stack.regions.nuclei),
        int(stack.mask.sum()),
        " ".join([*stack.warnings[one.method], *stack.notes]),
    )


def _failed(scan: Scan, one: Map, why: str) -> Row:
    return Row(scan.key, one.method, FAILED, message=why)


def resources(image: Derivative) -> dict[str, float]:
    """Return seconds and MB that the inversion took, as far as the map's sidecar tells."""
    stages = image.provenance.get("Stages")
    last = stages[-1] if isinstance(stages, list) and stages else None
    if not isinstance(last, dict):
        return {}
    told = {"seconds": last.get("Seconds"), "peak_memory_mb": last.get("PeakMemoryMB")}
    return {name: float(value) for name, value in told.items() if isinstance(value, int | float)}


def scores_of(rows: Sequence[Row]) -> dict[str, dict[str, dict[str, float]]]:
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


def _only_metrics(values: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if name in METRICS}


def _nuclei(rows: Sequence[Row]) -> dict[str, list[tuple[str, float, float]]]:
    """Return name, reference and value of every nucleus by method."""
    found: dict[str, list[tuple[str, float, float]]] = {}
    for row in rows:
        found.setdefault(row.method, []).extend((n, *pair) for n, pair in row.nuclei.items())
    return {method: points for method, points in found.items() if points}


def _gallery(scan: Scan, stack: Stack) -> Any:
    from qsmbids.reports.evaluation_figures import draw_gallery

    return draw_gallery(
        scan.key, stack.reference, stack.mask, stack.grid, stack.maps, stack.regions.calcification
    )


def _tell(scan: Scan, rows: Sequence[Row], progress: str) -> None:
    print(f"{scan.key}: {sum(row.status == OK for row in rows)} maps measured ({progress})")
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.status == FAILED:
            reasons.setdefault(row.message, []).append(row.method)
    for reason, methods in reasons.items():
        print(f"{scan.key}, {', '.join(methods)}: {reason}", file=sys.stderr)


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise InputError(
            f"{folder} cannot be written to ({reason}); choose another output folder."
        ) from error


def _provenance(job: EvaluationJob, scans: Sequence[Scan], root: Path) -> dict[str, Any]:
    """Return by what the tables were made from what."""
    return {
        "Version": __version__,
        "Command": shlex.join(sys.argv),
        "Date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "BIDS": str(job.bids_dir),
        "References": str(root),
        "Series": {scan.key: _sources(scan) for scan in scans},
    }


def _sources(scan: Scan) -> dict[str, Any]:
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
