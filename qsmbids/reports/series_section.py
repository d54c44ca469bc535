"""What the participant's page says of one series."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from qsmbids.bids.series_results import SeriesResults
from qsmbids.reports.bibtex import bibtex, latex
from qsmbids.reports.checks import Check
from qsmbids.reports.checks.lights import lights_path, write_lights
from qsmbids.reports.checks.maps import phase_residual_checks
from qsmbids.reports.evidence import examine
from qsmbids.reports.facts import acquisition_facts, acquisition_of, map_facts, measured
from qsmbids.reports.map_evidence import MapEvidence
from qsmbids.reports.methods import describe
from qsmbids.reports.region_table import region_tables
from qsmbids.reports.run_facts import series_files, weights_of
from qsmbids.reports.viewer import write_viewer


def series_section(
    output_dir: Path, participant: str, series: SeriesResults, failure: str
) -> dict[str, Any]:
    """Return what the template takes, and write the series' lights and its viewer.

    Parameters
    ----------
    output_dir, participant
        As in `qsmbids.reports.write_participant_page`.
    series : SeriesResults
        What stands there of the series.
    failure : str
        Why its last run failed; empty if it did not.
    """
    stages = stages_of(series)
    with ThreadPoolExecutor(1) as beside:  # most of it is packing, which leaves Python free
        written = beside.submit(write_viewer, output_dir, participant, series)
        evidence = examine(series)
    viewer = written.result()
    grid = evidence.view.grid if evidence.view else None
    acquisition = acquisition_of(series, grid)
    checks = [*evidence.checks, *phase_residual_checks(_residuals(stages))]
    by_map = {one.desc: one.checks for one in evidence.maps}
    write_lights(lights_path(output_dir, participant, series.key), checks, by_map, failure)
    text, references = describe(stages, [measured(acquisition_of(series))])
    return {
        "key": series.key,
        "failure": failure,
        "acquisition": acquisition_facts(acquisition),
        "facts": map_facts(series),
        "warnings": _warnings(series, stages),
        "notes": list(dict.fromkeys(evidence.notes)),
        "checks": checks,
        "rows": _rows(evidence.maps),
        "red": _red(checks, evidence.maps),
        "judged": sum(c.limited for c in [*checks, *(c for m in evidence.maps for c in m.checks)]),
        "maps": evidence.maps,
        "pictures": evidence.pictures,
        "comparison": evidence.comparison,
        "histogram": evidence.histogram,
        "regions": region_tables(output_dir, participant, series),
        "viewer": viewer,
        "stages": stages,
        "weights": weights_of(stages),
        "methods": text,
        "references": list(references.values()),
        "latex": latex(text, references),
        "bibtex": bibtex(references),
        "files": series_files(output_dir, participant, series),
        "sources": _union(series, "Sources"),
    }


def stages_of(series: SeriesResults) -> list[dict[str, Any]]:
    """Return the stages of all maps of the series, each once, in the order of the run."""
    stages: dict[str, dict[str, Any]] = {}
    for derivative in series.with_stages:
        for stage in derivative.provenance.get("Stages") or []:
            if isinstance(stage, Mapping):
                parameters = stage.get("Parameters")
                known = parameters if isinstance(parameters, Mapping) else {}
                what = [stage.get("Name"), stage.get("Method"), known, stage.get("Weights")]
                stages.setdefault(json.dumps(what), {**stage, "Parameters": known})
    return list(stages.values())


def _rows(maps: list[MapEvidence]) -> list[dict[str, Any]]:
    """Return the table of the maps' numbers: a row a check, a cell a map, None where it lacks."""
    names = dict.fromkeys(check.name for one in maps for check in one.checks)
    rows = []
    for name in names:
        cells = [next((c for c in one.checks if c.name == name), None) for one in maps]
        rows.append({"first": next(c for c in cells if c), "cells": cells})
    return rows


def _red(checks: list[Check], maps: list[MapEvidence]) -> list[dict[str, Any]]:
    """Return what is out of its range, the causes first: each check once, and of which maps."""
    red: dict[str, dict[str, Any]] = {c.name: _told(c) for c in checks if not c.good}
    for one in maps:
        for check in one.checks:
            if not check.good:
                red.setdefault(check.name, _told(check))["methods"].append(one.label)
    return list(red.values())


def _told(check: Check) -> dict[str, Any]:
    return {"name": check.name, "text": check.text, "methods": []}


def _warnings(series: SeriesResults, stages: list[dict[str, Any]]) -> list[str]:
    blocks = [d.provenance for d in [*series.chimaps.values(), *series.images.values()]]
    found = [text for block in [*blocks, *stages] for text in _texts(block.get("Warnings"))]
    return list(dict.fromkeys(found))


def _residuals(stages: list[dict[str, Any]]) -> list[float]:
    """Return what phase fits left; one or two echoes leave nothing, which proves nothing."""
    found = (stage.get("Residual") for stage in stages)
    return [float(value) for value in found if isinstance(value, (int, float)) and value]


def _union(series: SeriesResults, name: str) -> list[str]:
    """Return the values of a list in all sidecars, each once."""
    sidecars = [d.sidecar for d in [*series.chimaps.values(), *series.images.values()]]
    return list(dict.fromkeys(text for one in sidecars for text in _texts(one.get(name))))


def _texts(value: Any) -> list[str]:
    """Return a sidecar's list of texts, or its one text, or nothing, as a list."""
    values = value if isinstance(value, list) else [value]
    return [str(one) for one in values if one not in (None, "")]
