"""The page's plots and what all its pictures share; each is a data URI."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np

# ruff: noqa: TID253 - imported with the page only, see the package's __getattr__
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from qsmbids.bids.volume import Image
from qsmbids.reports.picture import PANEL, TEXT, WEBP, WIDTH, data_uri

FAINT = "#8b929c"
METHOD_COLOURS = ("#4cc9f0", "#ffb703", "#f2799b", "#8ac926", "#b79cff", "#e0e0e0")
DPI = 100


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
    # powers and small ticks would take a third of the drawing
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
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


def wide_figure(height: float) -> Figure:
    """Return a figure as wide as the page, of a height in inches."""
    return Figure(figsize=(WIDTH / DPI, height), dpi=DPI, facecolor=PANEL)


def _plot() -> tuple[Figure, Axes]:
    """Return a wide figure with one pair of axes in the page's colours."""
    figure = wide_figure(3.0)
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


def webp(figure: Figure) -> bytes:
    """Return a figure as a WebP image."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_webp(buffer, pil_kwargs=WEBP)
    return buffer.getvalue()


def encode(figure: Figure) -> str:
    """Return a figure as a data URI."""
    return data_uri(webp(figure))
