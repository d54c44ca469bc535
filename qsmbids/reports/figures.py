"""The page's pictures, each as a data URI."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# ruff: noqa: TID253 - imported with the page only, see the package's __getattr__
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from qsmbids.reports.volumes import Image, Mask, View

PANEL = "#14161a"
TEXT = "#d6d9de"
FAINT = "#8b929c"
OUTLINES = {"brain": "#4cc9f0", "eroded": "#ffb703"}
METHOD_COLOURS = ("#4cc9f0", "#ffb703", "#f2799b", "#8ac926", "#b79cff", "#e0e0e0")
WIDTH = 1360
DPI = 100
_GAP, _PAD, _BAR = 22, 16, 96  # pixels: between panels, around them, for the colour bar


@dataclass(frozen=True)
class Panel:
    """One slice: rows from bottom to top, its size in mm, and the sides it is labelled with.

    A title stands above it.
    """

    image: Image
    size: tuple[float, float]
    sides: tuple[str, str]
    outlines: Mapping[str, Mask]
    title: str = ""


def planes(image: Image, view: View, masks: Mapping[str, Mask]) -> list[Panel]:
    """Return the axial, coronal and sagittal plane through the centre of the view."""
    i, j, k = view.centre
    return [
        _panel(image, view, masks, 2, k),
        _panel(image, view, masks, 1, j),
        _panel(image, view, masks, 0, i),
    ]


def axials(image: Image, view: View, masks: Mapping[str, Mask]) -> list[Panel]:
    """Return the axial slices of the view, from the feet to the head."""
    return [_panel(image, view, masks, 2, k) for k in view.levels]


def _panel(image: Image, view: View, masks: Mapping[str, Mask], axis: int, at: int) -> Panel:
    across, up = (a for a in range(3) if a != axis)
    size = (
        image.shape[across] * view.grid.voxel_size[across],
        image.shape[up] * view.grid.voxel_size[up],
    )
    plane = tuple(at if a == axis else slice(None) for a in range(3))
    outlines = {name: mask[plane].T for name, mask in masks.items()}
    sides = ("P", "A") if axis == 0 else ("L", "R")
    return Panel(image[plane].T, size, sides, outlines)


def strip(
    panels: Sequence[Panel], window: tuple[float, float], unit: str, *, columns: int | None = None
) -> str:
    """Return slices side by side at one scale, with a grey bar, as a data URI.

    Parameters
    ----------
    panels : sequence of Panel
        NaN is not drawn.
    window : (float, float)
        Values shown black and white.
    unit : str
        For the grey bar.
    columns : int, optional
        Panels a row; all in one row by default.
    """
    columns = columns or len(panels)
    rows = [panels[i : i + columns] for i in range(0, len(panels), columns)]
    widest = max(sum(p.size[0] for p in row) for row in rows)
    scale = (WIDTH - _BAR - 2 * _PAD - _GAP * (columns - 1)) / widest  # pixels a mm
    heights = [max(p.size[1] for p in row) * scale for row in rows]
    height = sum(heights) + 2 * _PAD + _GAP * (len(rows) - 1)
    figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, facecolor=PANEL)
    # One pair of axes in pixels for all panels: making axes costs more than drawing in them.
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    top = height - _PAD
    for row, tall in zip(rows, heights, strict=True):
        left = float(_PAD)
        for panel in row:
            w, h = panel.size[0] * scale, panel.size[1] * scale
            bottom = top - (tall + h) / 2
            _draw(axes, panel, (left, left + w, bottom, bottom + h), window)
            left += w + _GAP
        top -= tall + _GAP
    _grey_bar(axes, height, window, unit)
    axes.set(xlim=(0, WIDTH), ylim=(0, height), aspect="auto")
    return encode(figure)


def _draw(
    axes: Axes, panel: Panel, extent: tuple[float, float, float, float], window: tuple[float, float]
) -> None:
    left, right, bottom, top = extent
    axes.imshow(
        panel.image,
        cmap="gray",
        vmin=window[0],
        vmax=window[1],
        origin="lower",
        extent=extent,
        interpolation="bicubic",
    )
    rows, columns = panel.image.shape
    x = left + (np.arange(columns) + 0.5) * (right - left) / columns
    y = bottom + (np.arange(rows) + 0.5) * (top - bottom) / rows
    for name, outline in panel.outlines.items():
        if outline.any() and not outline.all():
            axes.contour(x, y, outline, levels=[0.5], colors=OUTLINES[name], linewidths=1.0)
    middle = (bottom + top) / 2
    style: dict[str, Any] = {"va": "center", "color": TEXT, "fontsize": 10}
    axes.text(left + 2, middle, panel.sides[0], ha="left", **style)
    axes.text(right - 2, middle, panel.sides[1], ha="right", **style)
    above: dict[str, Any] = {"ha": "center", "va": "center", "color": TEXT, "fontsize": 9}
    axes.text((left + right) / 2, top + _PAD / 2, panel.title, **above)


def _grey_bar(axes: Axes, height: float, window: tuple[float, float], unit: str) -> None:
    left, bottom, top = WIDTH - _BAR + 14, 0.2 * height, 0.8 * height
    ramp = np.linspace(0, 1, 256)[:, None]
    axes.imshow(ramp, cmap="gray", origin="lower", extent=(left, left + 14, bottom, top))
    style: dict[str, Any] = {"va": "center", "color": TEXT, "fontsize": 9}
    for share in (0, 0.5, 1):
        value = f"{window[0] + share * (window[1] - window[0]):g}".replace("-", "\N{MINUS SIGN}")
        axes.text(left + 20, bottom + share * (top - bottom), value, **style)
    axes.text(left, top + 16, unit, **style)


def histogram(values: Mapping[str, Image], limit: float = 0.3) -> str:
    """Return the distribution of susceptibility by method as a data URI.

    Parameters
    ----------
    values : mapping of str to (n,) array
        Susceptibility in ppm inside the mask, by the method's label.
    limit : float
        The axis runs from ``-limit`` to ``limit`` ppm; what lies beyond goes into the end bins.
    """
    figure, axes = _plot()
    edges = np.linspace(-limit, limit, 151)
    for colour, (label, chi) in zip(_cycle(len(values)), values.items(), strict=True):
        counts, _ = np.histogram(np.clip(chi, -limit, limit), edges)
        axes.stairs(100 * counts / max(chi.size, 1), edges, color=colour, label=label, lw=1.4)
    axes.axvline(0, color=FAINT, lw=0.8, ls=":")
    axes.set_yscale("log")
    axes.set_ylim(bottom=1e-3)
    axes.set_xlim(-limit, limit)
    axes.set_xlabel("susceptibility (ppm); the end bins hold what lies beyond", color=TEXT)
    axes.set_ylabel("% of voxels", color=TEXT)
    legend(axes)
    return encode(figure)


def course(curves: Mapping[str, Sequence[float]], kept: int | None) -> str:
    """Return the course of a fit over its iterations as a data URI.

    Parameters
    ----------
    curves : mapping of str to sequence of float
        Values of each iteration, the first being what it started from.
    kept : int, optional
        The iteration whose map was kept, which is marked.
    """
    figure, axes = _plot()
    for colour, (label, values) in zip(_cycle(len(curves)), curves.items(), strict=True):
        axes.plot(np.arange(len(values)), values, color=colour, label=label, lw=1.4)
    if kept is not None:
        axes.axvline(kept, color=TEXT, lw=1.0, ls=":", label=f"kept: {kept}")
    axes.set_xlabel("iteration", color=TEXT)
    axes.set_ylabel("value", color=TEXT)
    axes.margins(x=0.02)
    legend(axes)
    return encode(figure)


def _plot() -> tuple[Figure, Axes]:
    """Return a wide figure with one pair of axes in the page's colours."""
    figure = Figure(figsize=(WIDTH / DPI, 3.0), dpi=DPI, facecolor=PANEL)
    axes = figure.add_axes((0.06, 0.19, 0.92, 0.75))
    dress(axes)
    return figure, axes


def dress(axes: Axes) -> None:
    """Give axes the page's colours."""
    axes.set_facecolor(PANEL)
    axes.tick_params(colors=TEXT, which="both")
    for spine in axes.spines.values():
        spine.set_color(FAINT)


def legend(axes: Axes) -> None:
    """Add a legend in the page's colours."""
    axes.legend(facecolor=PANEL, edgecolor=FAINT, labelcolor=TEXT, fontsize=9)


def _cycle(n: int) -> list[str]:
    return [METHOD_COLOURS[i % len(METHOD_COLOURS)] for i in range(n)]


def encode(figure: Figure) -> str:
    """Return a figure as a data URI."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_webp(buffer, pil_kwargs={"quality": 88})
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def symmetric_window(values: Image) -> tuple[float, float]:
    """Return a window around zero that holds 99 % of the values, with round ends."""
    end = _round_up(float(np.percentile(np.abs(values), 99))) if values.size else 1.0
    return -end, end


def positive_window(values: Image, percentile: float = 99) -> tuple[float, float]:
    """Return a window from zero that holds ``percentile`` of the values, with a round end."""
    return 0.0, _round_up(float(np.percentile(values, percentile))) if values.size else 1.0


def _round_up(value: float) -> float:
    """Return the next 1, 1.5, 2, 3, 4, 5 or 7.5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    steps = (1, 1.5, 2, 3, 4, 5, 7.5, 10)
    return float(power * next(step for step in steps if step * power >= value * 0.999))
