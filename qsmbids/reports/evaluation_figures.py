"""The pictures of an evaluation over all series: scores, and the deep grey nuclei."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle

import numpy as np

# ruff: noqa: TID253 - imported with the page only
from matplotlib.axes import Axes

from qsmbids.evaluation import (
    METRICS,
    RESOURCES,
    Agreement,
    Metric,
    measure_agreement,
)
from qsmbids.reports import figures
from qsmbids.reports.figures import FAINT, METHOD_COLOURS, TEXT
from qsmbids.reports.picture import Picture

Values = Mapping[str, Mapping[str, Mapping[str, float]]]  # by method, participant, metric
Points = Mapping[str, Sequence[tuple[str, float, float]]]  # name, reference, value by method

_COLOURS = (*METHOD_COLOURS, *("#ff7f50", "#2ec4b6", "#c9a66b", "#e36bd8", "#7c9cff", "#a3b18a"))
_COLUMNS = 4
_BOX_FROM = 5  # participants


def draw_scores(scores: Values) -> Picture | None:
    """Return every metric by method: a point a participant; None without values."""
    metrics = {
        name: metric
        for name, metric in {**METRICS, **RESOURCES}.items()
        if any(_known(people, name) for people in scores.values())
    }
    if not metrics:
        return None
    rows = -(-len(metrics) // _COLUMNS)
    figure = figures.wide_figure(2.6 * rows)
    grid = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for axes, (name, metric) in zip(grid, metrics.items(), strict=False):
        _draw_metric(axes, {m: _known(people, name) for m, people in scores.items()}, metric)
    for axes in grid[len(metrics) :]:
        axes.set_axis_off()
    figure.tight_layout()
    return Picture(
        "Every measure",
        f"A point is a participant, and a faint line joins its points; a bar is the mean, a box "
        f"the quartiles (from {_BOX_FROM} participants on). An arrow says where better is.",
        f"Strip plots of {len(metrics)} measures by method.",
        figures.encode(figure),
    )


def _known(people: Mapping[str, Mapping[str, float]], metric: str) -> dict[str, float]:
    found = {name: values.get(metric, np.nan) for name, values in people.items()}
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _draw_metric(axes: Axes, values: Mapping[str, Mapping[str, float]], metric: Metric) -> None:
    figures.dress(axes)
    methods = list(values)
    for name in dict.fromkeys(name for people in values.values() for name in people):
        line = [values[method].get(name, np.nan) for method in methods]
        axes.plot(range(len(methods)), line, color=FAINT, lw=0.6, alpha=0.6)
    for place, (colour, method) in enumerate(coloured(methods)):
        found = np.array([*values[method].values()])
        axes.plot(np.full(found.size, place), found, "o", color=colour, ms=4)
        if found.size >= _BOX_FROM:
            lines = {"color": colour, "lw": 1.2}
            axes.boxplot(
                found,
                positions=[place],
                widths=0.5,
                showfliers=False,
                boxprops=lines,
                medianprops=lines,
                whiskerprops=lines,
                capprops=lines,
            )
        if found.size:
            axes.plot([place - 0.25, place + 0.25], [found.mean()] * 2, color=TEXT, lw=1.6)
    axes.set_xlim(-0.6, len(methods) - 0.4)
    axes.set_xticks(range(len(methods)), methods, rotation=30, ha="right", fontsize=8)
    arrow = "\N{DOWNWARDS ARROW}" if metric.better == "lower" else "\N{UPWARDS ARROW}"
    unit = f" ({metric.unit})" if metric.unit else ""
    title = textwrap.fill(f"{metric.label}{unit} {arrow}", 36)
    axes.set_title(title, color=TEXT, fontsize=9)


def draw_agreement(nuclei: Points) -> tuple[Picture, dict[str, Agreement]]:
    """Return regression and Bland-Altman plot of the deep grey nuclei, and their statistics."""
    figure = figures.wide_figure(4.4)
    left, right = figure.subplots(1, 2)
    found = {}
    for axes in (left, right):
        figures.dress(axes)
    for colour, method in coloured(nuclei):
        x, y = (np.array([point[i] for point in nuclei[method]]) for i in (1, 2))
        found[method] = one = measure_agreement(x.tolist(), y.tolist())
        left.plot(x, y, "o", color=colour, ms=4, label=method)
        ends = np.array([x.min(), x.max()])
        left.plot(ends, one.slope * ends + one.intercept, color=colour, lw=1.2)
        right.plot((x + y) / 2, y - x, "o", color=colour, ms=4)
        right.axhline(one.bias, color=colour, lw=1.2)
        for limit in (one.low, one.high):
            right.axhline(limit, color=colour, lw=0.9, ls="--")
    every = [value for points in nuclei.values() for _, *pair in points for value in pair]
    left.plot([min(every), max(every)], [min(every), max(every)], color=FAINT, lw=0.9, ls=":")
    left.set_xlabel("mean in the reference (ppm)", color=TEXT)
    left.set_ylabel("mean in the map (ppm)", color=TEXT)
    right.set_xlabel("mean of map and reference (ppm)", color=TEXT)
    right.set_ylabel("map \N{MINUS SIGN} reference (ppm)", color=TEXT)
    figures.legend(left)
    figure.tight_layout()
    return Picture(
        "Nucleus by nucleus",
        "A point is a nucleus of one series. Left: regression over the reference; dotted: "
        "identity. Right: Bland-Altman plot with bias and limits of agreement (1.96 SD).",
        f"Regression and Bland-Altman plot of {', '.join(nuclei)}.",
        figures.encode(figure),
    ), found


def coloured(methods: Iterable[str]) -> list[tuple[str, str]]:
    """Return each method's colour and name."""
    return list(zip(cycle(_COLOURS), methods))
