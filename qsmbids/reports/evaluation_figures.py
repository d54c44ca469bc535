"""The pictures of an evaluation: scores, maps and errors, a lesion, the deep grey nuclei."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle

import numpy as np

# ruff: noqa: TID253 - imported with the page only
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qsmbids.bids.volume import Grid, Image, Volume
from qsmbids.evaluation import (
    METRICS,
    RESOURCES,
    Agreement,
    Metric,
    diamagnetic_lesion,
    measure_agreement,
)
from qsmbids.evaluation.regional import centred
from qsmbids.evaluation.study.stack import Stack
from qsmbids.reports import figures, slices
from qsmbids.reports.figures import DPI, FAINT, METHOD_COLOURS, PANEL, TEXT, WIDTH
from qsmbids.reports.picture import Picture
from qsmbids.reports.slices import Panel
from qsmbids.reports.view import Mask, View, view_of
from qsmbids.reports.windows import TISSUE_PPM, WIDE_PPM

Values = Mapping[str, Mapping[str, Mapping[str, float]]]  # by method, participant, metric
Points = Mapping[str, Sequence[tuple[str, float, float]]]  # name, reference, value by method

REFERENCE = "reference"
_COLOURS = (*METHOD_COLOURS, *("#ff7f50", "#2ec4b6", "#c9a66b", "#e36bd8", "#7c9cff", "#a3b18a"))
_COLUMNS = 4
_BOX_FROM = 5  # participants
_PROFILE_MM = 25.0


@dataclass
class Gallery:
    """What is shown of one series."""

    key: str
    pictures: list[Picture] = field(default_factory=list)


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
    figure = _figure(2.6 * rows)
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
    for place, (colour, method) in enumerate(_coloured(methods)):
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


def draw_gallery(key: str, stack: Stack) -> Gallery:
    """Return the pictures of a series: maps and errors, and the calcification if one is known.

    Else the strongest diamagnetic lesion is looked for.
    """
    reference, mask, grid = stack.reference, stack.mask, stack.grid
    calcification = stack.regions.calcification
    view = view_of(Volume(mask.astype(np.float32), grid))
    every = {REFERENCE: reference, **stack.maps}
    images = {name: centred(chi, mask) for name, chi in every.items()}
    shown = {name: _cut(image, mask, view) for name, image in images.items()}
    gallery = Gallery(key, [_maps_and_errors(shown, view)])
    known = mask & (np.asarray(calcification, dtype=bool) if calcification is not None else False)
    lesion = known if known.any() else diamagnetic_lesion(reference, mask)
    if lesion.any():
        values = np.where(lesion, images[REFERENCE], np.inf)
        at = tuple(int(i) for i in np.unravel_index(int(np.argmin(values)), values.shape))
        gallery.pictures += [_lesion(shown, view, at), _profile(images, mask, grid, at)]
    return gallery


def _cut(image: NDArray[np.float64], mask: Mask, view: View) -> Image:
    """Return what is shown of a map, NaN outside the mask."""
    part = image[view.box].astype(np.float32)
    return np.where(mask[view.box], part, np.float32(np.nan))


def _maps_and_errors(shown: Mapping[str, Image], view: View) -> Picture:
    panels: list[Panel] = []
    for plane in (0, 1):
        panels += _row(shown, view, plane, titled=plane == 0)
        errors = {name: chi - shown[REFERENCE] for name, chi in shown.items()}
        blank, *rest = _row(errors, view, plane, titled=False)
        empty = np.full_like(blank.image, np.nan)
        panels += [Panel(empty, blank.size, ("", ""), {}, "map \N{MINUS SIGN} reference"), *rest]
    names = ", ".join(shown)
    return Picture(
        "Maps and errors",
        f"Columns: {names}. Rows: an axial slice and its error, a coronal slice and its error. "
        f"All in one grey window, {TISSUE_PPM[0]:g} to {TISSUE_PPM[1]:g} ppm; the mean over the "
        "mask is 0 ppm in each.",
        f"Axial and coronal slices of {names}, and the errors of the maps.",
        slices.strip(panels, TISSUE_PPM, "ppm", columns=len(shown)),
    )


def _row(shown: Mapping[str, Image], view: View, plane: int, *, titled: bool) -> list[Panel]:
    panels = [slices.planes(image, view, {})[plane] for image in shown.values()]
    named = zip(panels, shown, strict=True)
    return [replace(panel, title=name if titled else "") for panel, name in named]


def _lesion(shown: Mapping[str, Image], view: View, at: tuple[int, ...]) -> Picture:
    inside = tuple(i - cut.start for i, cut in zip(at, view.box, strict=True))
    return Picture(
        "Strongest diamagnetic lesion",
        f"The axial slice through it in a wide grey window, {WIDE_PPM[0]:g} to {WIDE_PPM[1]:g} "
        "ppm: streaks around it come from the inversion.",
        f"Axial slices through a diamagnetic lesion: {', '.join(shown)}.",
        slices.strip(_row(shown, replace(view, centre=inside), 0, titled=True), WIDE_PPM, "ppm"),
    )


def _profile(
    images: Mapping[str, NDArray[np.float64]], mask: Mask, grid: Grid, at: tuple[int, ...]
) -> Picture:
    step = grid.voxel_size[0]
    reach = round(_PROFILE_MM / step)
    line = np.arange(max(at[0] - reach, 0), min(at[0] + reach + 1, mask.shape[0]))
    inside = mask[line, at[1], at[2]]
    figure = _figure(3.2)
    axes = figure.add_axes((0.06, 0.17, 0.92, 0.78))
    figures.dress(axes)
    for colour, name in [(TEXT, REFERENCE), *_coloured([n for n in images if n != REFERENCE])]:
        values = np.where(inside, images[name][line, at[1], at[2]], np.nan)
        width = 2.4 if name == REFERENCE else 1.3
        axes.plot((line - at[0]) * step, values, color=colour, lw=width, label=name)
    axes.axhline(0, color=FAINT, lw=0.8, ls=":")
    axes.set_xlabel("mm to the right of the lesion's lowest value", color=TEXT)
    axes.set_ylabel("susceptibility (ppm)", color=TEXT)
    figures.legend(axes)
    return Picture(
        "Line profile through the lesion",
        "From left to right through the voxel in which the reference is lowest.",
        f"Susceptibility along a line through the lesion: {', '.join(images)}.",
        figures.encode(figure),
    )


def draw_agreement(nuclei: Points) -> tuple[Picture, dict[str, Agreement]]:
    """Return regression and Bland-Altman plot of the deep grey nuclei, and their statistics."""
    figure = _figure(4.4)
    left, right = figure.subplots(1, 2)
    found = {}
    for axes in (left, right):
        figures.dress(axes)
    for colour, method in _coloured(nuclei):
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


def _figure(height: float) -> Figure:
    return Figure(figsize=(WIDTH / DPI, height), dpi=DPI, facecolor=PANEL)


def _coloured(methods: Iterable[str]) -> list[tuple[str, str]]:
    return list(zip(cycle(_COLOURS), methods))
