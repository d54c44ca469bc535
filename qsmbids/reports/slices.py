"""Slices of images side by side, as a data URI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qsmbids.array_types import Mask
from qsmbids.bids.volume import Image
from qsmbids.reports.canvas import Box, Canvas
from qsmbids.reports.picture import WIDTH, data_uri
from qsmbids.reports.view import View

OUTLINES = {
    **{"brain": "#4cc9f0", "eroded": "#ffb703", "unreliable": "#f2799b"},
    **{"region": "#4cc9f0", "neighbour": "#ffb703"},
}
_GAP, _PAD, _BAR = 22, 20, 96  # pixels: between panels, around them, for the colour bar
_TALLEST = 12_000.0  # pixels; WebP ends at 16383


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


def along(image: Image, view: View, axis: int) -> list[Panel]:
    """Return the slices of the view along an axis: from left, from behind, from the feet."""
    return [_panel(image, view, {}, axis, at) for at in view.levels[axis]]


def _panel(image: Image, view: View, masks: Mapping[str, Mask], axis: int, at: int) -> Panel:
    across, up = (a for a in range(3) if a != axis)
    size = (
        image.shape[across] * view.grid.voxel_size[across],
        image.shape[up] * view.grid.voxel_size[up],
    )
    plane = tuple(at if a == axis else slice(None) for a in range(3))
    outlines = {name: mask[plane].T for name, mask in masks.items()}
    sides = ("P", "A") if axis == 0 else ("L", "R")
    return Panel(image[plane].T, size, sides, outlines, view.position(axis, at))


def strip(
    panels: Sequence[Panel], window: tuple[float, float], unit: str, *, columns: int | None = None
) -> str:
    """Return slices side by side at one scale, with a grey bar, as a data URI; see `drawn`."""
    return data_uri(drawn(panels, window, unit, columns=columns))


def drawn(
    panels: Sequence[Panel], window: tuple[float, float], unit: str, *, columns: int | None = None
) -> bytes:
    """Return slices side by side at one scale, with a grey bar, as a WebP image.

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
    tallest = [max(p.size[1] for p in row) for row in rows]
    scale = min(scale, _TALLEST / sum(tallest))
    heights = [tall * scale for tall in tallest]
    height = sum(heights) + 2 * _PAD + _GAP * (len(rows) - 1)
    canvas = Canvas(WIDTH, round(height))
    top = float(_PAD)
    for row, tall in zip(rows, heights, strict=True):
        left = float(_PAD)
        for panel in row:
            w, h = panel.size[0] * scale, panel.size[1] * scale
            above = top + (tall - h) / 2
            _draw(canvas, panel, Box(round(left), round(above), round(w), round(h)), window)
            left += w + _GAP
        top += tall + _GAP
    _grey_bar(canvas, height, window, unit)
    return canvas.webp()


def _draw(canvas: Canvas, panel: Panel, box: Box, window: tuple[float, float]) -> None:
    outlines = {OUTLINES[name]: mask for name, mask in panel.outlines.items()}
    canvas.put(panel.image, window, outlines, box)
    middle = box.top + box.height / 2
    canvas.write(panel.sides[0], box.left + 2, middle, "lm", 10)
    canvas.write(panel.sides[1], box.left + box.width - 2, middle, "rm", 10)
    canvas.write(panel.title, box.left + box.width / 2, box.top - _PAD / 2, "mm")


def _grey_bar(canvas: Canvas, height: float, window: tuple[float, float], unit: str) -> None:
    left, top, tall = WIDTH - _BAR + 14, 0.2 * height, 0.6 * height
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[:, None]
    canvas.put(ramp, (0, 1), {}, Box(left, round(top), 14, max(round(tall), 1)))
    for share in (0, 0.5, 1):
        value = f"{window[0] + share * (window[1] - window[0]):.4g}".replace("-", "\N{MINUS SIGN}")
        canvas.write(value, left + 20, top + (1 - share) * tall, "lm")
    canvas.write(unit, left, top - 16, "lm")
