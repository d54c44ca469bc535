"""The participant's page: one HTML file that needs nothing but itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from qsmbids import __version__
from qsmbids.bids.results import Failure, Series, find_failures, find_series
from qsmbids.bids.sidecar import write_text
from qsmbids.reports.checks import Check
from qsmbids.reports.checks.check import figure
from qsmbids.reports.checks.lights import lights_path, write_lights
from qsmbids.reports.checks.maps import phase_residual_checks
from qsmbids.reports.evidence import Evidence, MapEvidence, examine
from qsmbids.reports.methods import describe, show
from qsmbids.reports.region_table import region_tables


def write_participant_page(output_dir: Path, participant: str) -> Path:
    """Write the page of one participant from what stands in the output folder.

    Parameters
    ----------
    output_dir : Path
        The output dataset.
    participant : str
        Label without ``sub-``.

    Returns
    -------
    Path
        ``sub-<participant>.html`` in ``output_dir``; an older one is replaced in one step.
    """
    output_dir = Path(output_dir)
    template = environment().get_template("participant.html.j2")
    failures = [_failure(output_dir, f) for f in find_failures(output_dir, participant)]
    failed = {one["series"]: one["message"] for one in failures}
    html = template.render(
        participant=participant,
        version=__version__,
        failures=failures,
        series=[
            _series(output_dir, participant, series, failed.get(series.key, ""))
            for series in find_series(output_dir, participant)
        ],
    )
    path = output_dir / f"sub-{participant}.html"
    write_text(path, html)
    return path


def environment() -> Environment:
    """Return the pages' templates, with their filters ``show`` and ``figure``."""
    pages = Environment(
        loader=PackageLoader("qsmbids.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["show"] = show
    pages.filters["figure"] = figure
    return pages


def _failure(output_dir: Path, failure: Failure) -> dict[str, str]:
    """Return what the page says of a failure; ``link`` only for a crash file in the folder."""
    link = ""
    if failure.crashfile:
        crash = (output_dir / failure.crashfile).resolve()
        if crash.is_relative_to(output_dir.resolve()):
            link = crash.relative_to(output_dir.resolve()).as_posix()
    return {
        "series": failure.series,
        "stage": failure.stage,
        "message": failure.message.removeprefix(f"{failure.series}: "),
        "crashfile": failure.crashfile,
        "link": link,
    }


def _series(output_dir: Path, participant: str, series: Series, failure: str) -> dict[str, Any]:
    """Return everything that the page says of one series, and write its lights to a file."""
    stages = _stages(series)
    evidence = examine(series)
    checks = [*evidence.checks, *phase_residual_checks(_residuals(stages))]
    every = [*checks, *(check for one in evidence.maps for check in one.checks)]
    by_map = {one.desc: one.checks for one in evidence.maps}
    write_lights(lights_path(output_dir, participant, series.key), checks, by_map, failure)
    text, references = describe(stages)
    return {
        "key": series.key,
        "failure": failure,
        "facts": _facts(series, evidence),
        "warnings": _warnings(series, stages),
        "notes": evidence.notes,
        "numbers": _numbers(checks, evidence.maps),
        "open": sum(not check.good for check in every),
        "red": list({check.name: check for check in every if not check.good}.values()),
        "maps": evidence.maps,
        "pictures": evidence.pictures,
        "histogram": evidence.histogram,
        "regions": region_tables(output_dir, participant, series.key),
        "stages": stages,
        "methods": text,
        "references": references,
        "files": [
            path.relative_to(output_dir).as_posix()
            for path in sorted(derivative.path for derivative in series.every)
        ],
        "sources": _union(series, "Sources"),
    }


def _stages(series: Series) -> list[dict[str, Any]]:
    """Return the stages of all maps of the series, each once, in the order of the run."""
    stages: dict[str, dict[str, Any]] = {}
    for derivative in series.telling:
        for stage in derivative.provenance.get("Stages") or []:
            if isinstance(stage, Mapping):
                parameters = stage.get("Parameters")
                known = parameters if isinstance(parameters, Mapping) else {}
                what = [stage.get("Name"), stage.get("Method"), known, stage.get("Weights")]
                stages.setdefault(json.dumps(what), {**stage, "Parameters": known})
    return list(stages.values())


def _numbers(checks: list[Check], maps: list[MapEvidence]) -> list[dict[str, Any]]:
    """Return the table of numbers: a row for each check of the series, then each of the maps.

    A row's cells are its check for each map, None where a map lacks it; the one cell of a
    check of the series spans them all.
    """
    rows = [{"first": check, "cells": [check], "span": len(maps) or 1} for check in checks]
    names = dict.fromkeys(check.name for one in maps for check in one.checks)
    for name in names:
        cells = [next((c for c in one.checks if c.name == name), None) for one in maps]
        rows.append({"first": next(c for c in cells if c), "cells": cells, "span": 1})
    return rows


def _warnings(series: Series, stages: list[dict[str, Any]]) -> list[str]:
    blocks = [d.provenance for d in [*series.chimaps.values(), *series.images.values()]]
    found = [text for block in [*blocks, *stages] for text in _texts(block.get("Warnings"))]
    return list(dict.fromkeys(found))


def _residuals(stages: list[dict[str, Any]]) -> list[float]:
    found = (stage.get("Residual") for stage in stages)
    return [float(value) for value in found if isinstance(value, (int, float))]


def _union(series: Series, name: str) -> list[str]:
    """Return the values of a list in all sidecars, each once."""
    sidecars = [d.sidecar for d in [*series.chimaps.values(), *series.images.values()]]
    return list(dict.fromkeys(text for one in sidecars for text in _texts(one.get(name))))


def _texts(value: Any) -> list[str]:
    """Return a sidecar's list of texts, or its one text, or nothing, as a list."""
    values = value if isinstance(value, list) else [value]
    return [str(one) for one in values if one not in (None, "")]


def _pairs(angles: Any) -> list[float]:
    """Return the angles of a symmetric table that stand above its diagonal."""
    return [angle for n, row in enumerate(angles or []) for angle in row[n + 1 :]]


def _facts(series: Series, evidence: Evidence) -> list[tuple[str, str]]:
    """Return what the series is, as pairs of name and value."""
    provenance = next((d.provenance for d in series.chimaps.values()), {})
    grid = evidence.view and evidence.view.grid
    echo_times = series.metadata("EchoTime")
    given = echo_times if isinstance(echo_times, list) else [echo_times]
    milliseconds = [1000 * t for t in given if isinstance(t, (int, float))]
    facts = {
        "Field strength": (series.metadata("MagneticFieldStrength"), " T"),
        "Echo times": (milliseconds, " ms"),
        "Scanner": (series.metadata("Manufacturer"), ""),
        "Matrix": (grid and list(grid.shape), ""),
        "Voxel size": (grid and [round(d, 3) for d in grid.voxel_size], " mm"),
        "B0 direction": (provenance.get("B0Direction"), " (voxel axes)"),
        "Angles between orientations": (
            _pairs(provenance.get("AnglesBetweenOrientations")),
            "\N{DEGREE SIGN}",
        ),
        "Condition number": (provenance.get("ConditionNumber"), ""),
        "Susceptibility relative to": (provenance.get("Reference"), ""),
        "Made with": (provenance.get("Version") and f"qsmbids {provenance['Version']}", ""),
    }
    return [(name, show(value) + unit) for name, (value, unit) in facts.items() if value]
