"""The page of one training: curves, what was trained, and held-out participants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qsmbids import __version__
from qsmbids.bids.sidecar import write_text
from qsmbids.evaluation import METRICS, Metric
from qsmbids.reports.environment import environment
from qsmbids.reports.methods import show
from qsmbids.reports.picture import Picture
from qsmbids.reports.training_figures import Log, draw_curves

WITHOUT_TRUTH = {
    "field_residual": Metric("Field left unexplained", "%", "lower"),
    "total_variation": Metric("Total variation", "ppb/mm", "lower"),
}
_SHOWN = (*WITHOUT_TRUTH, "nrmse", "dnrmse", "hfen", "xsim")


@dataclass
class HeldOut:
    """What is shown of one held-out series: its numbers by method, and pictures."""

    name: str
    numbers: dict[str, dict[str, float]] = field(default_factory=dict)
    pictures: list[Picture] = field(default_factory=list)


def write_training_page(
    folder: Path,
    *,
    card: Mapping[str, Any],
    log: Log,
    held_out: Sequence[HeldOut],
    use: str,
    doubt: str = "",
) -> Path:
    """Write ``report.html`` and the curves into the folder of a training.

    Parameters
    ----------
    folder : Path
        The training's.
    card : mapping
        The weights' model card.
    log : sequence of mapping
        The lines of ``log.jsonl``.
    held_out : sequence of HeldOut
        The comparison.
    use : str
        The command that uses the weights, empty if none does.
    doubt : str
        Why they are not to be used, if so.

    Returns
    -------
    Path
        The page.
    """
    curves = Picture(
        "Curves",
        "Left: the loss. Right: the error on held-out data.",
        "Loss and held-out error against steps.",
        draw_curves(log, folder),
    )
    html = (
        environment()
        .get_template("training.html.j2")
        .render(
            name=card["name"],
            version=__version__,
            facts=_facts(card),
            curves=curves,
            held_out=[_table(one) for one in held_out],
            use=use,
            doubt=doubt,
        )
    )
    path = folder / "report.html"
    write_text(path, html)
    return path


def _facts(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what was trained, as pairs of name and value."""
    data = card.get("data") if isinstance(card.get("data"), Mapping) else {}
    scores = [
        f"{value} % ({world}, {name.removesuffix(' in %')})"
        for name, found in (card.get("scores") or {}).items()
        for world, value in found.items()
    ]
    start = card.get("start") or {}
    facts = {
        "Steps": card.get("steps"),
        "Minutes": card.get("minutes"),
        "Device": card.get("device"),
        "Architecture": card.get("architecture"),
        "Started from": start.get("name"),
        "Changes of the recipe": card.get("overrides"),
        "Subjects": len((data or {}).get("subjects") or {}),
        "Held out": (data or {}).get("held_out"),
        "At the end": scores,
        "Made with": f"qsmbids {card['version']}",
    }
    return [(name, show(value)) for name, value in facts.items() if value]


def _table(one: HeldOut) -> dict[str, Any]:
    """Return the rows of a table: a measure each, the best method's value marked."""
    metrics = {**WITHOUT_TRUTH, **METRICS}
    rows = []
    for name in _SHOWN:
        values = {method: numbers.get(name) for method, numbers in one.numbers.items()}
        known = [value for value in values.values() if value is not None]
        if not known:
            continue
        metric = metrics[name]
        best = min(known) if metric.better == "lower" else max(known)
        # a map that explains more of the field, or is smoother, need not be the better one
        judged = name not in WITHOUT_TRUTH
        rows.append(
            {
                "metric": metric,
                "cells": [(value, judged and value == best) for value in values.values()],
            }
        )
    return {"name": one.name, "methods": [*one.numbers], "rows": rows, "pictures": one.pictures}
