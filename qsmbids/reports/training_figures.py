"""The pictures of a training: its curves, and the maps of a held-out participant."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# ruff: noqa: TID253 - imported with the page only
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from qsmbids.array_types import Mask
from qsmbids.bids.volume import Grid, Image, Volume
from qsmbids.reports import figures, slices
from qsmbids.reports.picture import Picture
from qsmbids.reports.view import view_of
from qsmbids.reports.windows import LOCAL_PPM, TISSUE_PPM

Log = Sequence[Mapping[str, Any]]


def draw_curves(log: Log, folder: Path) -> str:
    """Write ``curves.png`` and ``curves.svg`` into a folder; return the first as a data URI.

    Parameters
    ----------
    log : sequence of mapping
        The lines of ``log.jsonl``: ``step`` with ``loss``, or with ``scores`` by name.
    folder : Path
        Where they go.
    """
    figure = Figure(figsize=(13.6, 3.6), dpi=figures.DPI, facecolor=figures.PANEL)
    loss, scores = figure.subplots(1, 2)
    points = [(line["step"], line["loss"]) for line in log if "loss" in line]
    _curve(loss, points, "loss", figures.METHOD_COLOURS[0])
    names = dict.fromkeys(name for line in log for name in line.get("scores", {}))
    for number, name in enumerate(names):
        found = [(x["step"], x["scores"][name]) for x in log if name in x.get("scores", {})]
        colour = figures.METHOD_COLOURS[number % len(figures.METHOD_COLOURS)]
        _curve(scores, found, name, colour)
    _dress(loss, "loss")
    _dress(scores, "held-out error (%)")
    if names:
        scores.legend(facecolor=figures.PANEL, edgecolor=figures.FAINT, labelcolor=figures.TEXT)
    figure.tight_layout()
    FigureCanvasSVG(figure).print_svg(folder / "curves.svg")
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    (folder / "curves.png").write_bytes(buffer.getvalue())
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _curve(axes: Axes, points: Sequence[tuple[float, float]], label: str, colour: str) -> None:
    if not points:  # a training of seconds logs no loss
        axes.set_visible(False)
        return
    steps, values = zip(*points, strict=True)
    axes.plot(steps, values, color=colour, label=label, lw=1.4, marker="o", markersize=2.5)


def _dress(axes: Axes, what: str) -> None:
    figures.dress(axes)
    axes.set_xlabel("step", color=figures.TEXT)
    axes.set_ylabel(what, color=figures.TEXT)


def field_and_maps(
    field: Image, mask: Mask, voxel_size: Sequence[float], maps: Mapping[str, Image]
) -> list[Picture]:
    """Return the slices of a local field, and below them those of the maps side by side.

    Parameters
    ----------
    field : (x, y, z) array
        In ppm; its axes point right, anterior and superior.
    mask : (x, y, z) bool array
        What is drawn.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.
    maps : mapping of str to (x, y, z) array
        Susceptibility in ppm by name.
    """
    grid = Grid(mask.shape, np.diag([*voxel_size, 1.0]))
    view = view_of(Volume(mask.astype(np.float32), grid))
    inside = view.cut(Volume(mask.astype(np.float32), grid)) > 0

    def cut(image: Image) -> Image:
        return np.where(inside, view.cut(Volume(image, grid)), np.float32(np.nan))

    names = list(maps)
    drawn = [slices.planes(cut(image), view, {}) for image in maps.values()]
    rows = [panels[plane] for plane in range(3) for panels in drawn]
    columns = ", ".join(names)
    return [
        Picture(
            "Local field",
            f"Grey window {LOCAL_PPM[0]:g} to {LOCAL_PPM[1]:g} ppm.",
            "Local field: axial, coronal and sagittal slice.",
            slices.strip(slices.planes(cut(field), view, {}), LOCAL_PPM, "ppm"),
        ),
        Picture(
            "Susceptibility",
            f"From left to right: {columns}. Grey window {TISSUE_PPM[0]:g} to {TISSUE_PPM[1]:g} "
            "ppm.",
            f"Axial, coronal and sagittal slices of the maps by {columns}.",
            slices.strip(rows, TISSUE_PPM, "ppm", columns=len(names)),
        ),
    ]
