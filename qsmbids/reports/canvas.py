"""Where slices are drawn: by Pillow, in half of the time that matplotlib takes, WebP included."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures
from PIL import ImageColor, ImageDraw, ImageFont

from qsmbids.array_types import Mask
from qsmbids.bids.volume import Image
from qsmbids.reports.picture import PANEL, TEXT, WEBP

_LINE = 1.6  # pixels


class Box(NamedTuple):
    """A part of a canvas in pixels, from its upper left corner."""

    left: int
    top: int
    width: int
    height: int


class Canvas:
    """An image in colours on which slices and letters are put.

    Parameters
    ----------
    width, height : int
        In pixels.
    """

    def __init__(self, width: int, height: int):
        self._picture = Pictures.new("RGB", (width, height), PANEL)

    def put(
        self, image: Image, window: tuple[float, float], outlines: Mapping[str, Mask], box: Box
    ) -> None:
        """Draw an image in grey, and lines around masks on it.

        Parameters
        ----------
        image : (row, column) array
            Rows from bottom to top; NaN is not drawn.
        window : (float, float)
            Values shown black and white.
        outlines : mapping of str to (row, column) bool array
            By the colour of the line.
        box : Box
            Where.
        """
        known = np.isfinite(image).astype(np.float32)
        share = (np.where(known > 0, image, 0) - window[0]) / (window[1] - window[0])
        grey: NDArray[Any] = _resized(
            255 * np.clip(share, 0, 1) * known, box, Pictures.Resampling.BICUBIC
        )
        drawn: NDArray[np.bool_] = np.ones(grey.shape, bool)
        if not known.all():
            # the mean over what is known only, so that the edge of a mask is not dark
            weight = _resized(known, box, Pictures.Resampling.BICUBIC)
            drawn = weight > 0.5
            grey = grey / np.maximum(weight, np.float32(0.5))
        corner = (box.left, box.top)
        self._picture.paste(_bytes(np.clip(grey, 0, 255)), corner, _bytes(drawn * 255))
        for colour, mask in outlines.items():
            rgb = ImageColor.getrgb(colour)
            self._picture.paste(rgb, (*corner, *_far(box)), _bytes(_line(mask, box) * 255))

    def write(self, text: str, x: float, y: float, anchor: str, points: float = 9) -> None:
        """Write text.

        Parameters
        ----------
        text : str
        x, y : float
            In pixels from the upper left corner.
        anchor : str
            As Pillow has it: "lm" begins at x, "mm" has its middle there, "rm" ends there.
        points : float
            The size of the letters, of 72 for 100 pixels.
        """
        draw = ImageDraw.Draw(self._picture)
        draw.text((x, y), text, fill=TEXT, font=_font(points), anchor=anchor)

    def webp(self) -> bytes:
        """Return the canvas as a WebP image."""
        buffer = io.BytesIO()
        self._picture.save(buffer, "WEBP", **WEBP)
        return buffer.getvalue()


def _far(box: Box) -> tuple[int, int]:
    return box.left + box.width, box.top + box.height


def _bytes(image: NDArray[Any]) -> Pictures.Image:
    return Pictures.fromarray(np.rint(image).astype(np.uint8))


def _resized(image: NDArray[Any], box: Box, how: Pictures.Resampling) -> NDArray[np.float32]:
    """Return an image at the size of a box, upside down."""
    flipped = np.ascontiguousarray(image[::-1], np.float32)
    return np.asarray(Pictures.fromarray(flipped).resize((box.width, box.height), how))


def _line(mask: Mask, box: Box) -> NDArray[np.float32]:
    """Return how much of each pixel the line around a mask covers, 0 to 1."""
    if not mask.any() or mask.all():
        return np.zeros((box.height, box.width), np.float32)
    inside = _resized(mask, box, Pictures.Resampling.BICUBIC)
    slope = np.hypot(*np.gradient(inside))
    away = np.abs(inside - 0.5) / np.maximum(slope, 1e-6)  # pixels
    covered: NDArray[np.float32] = np.clip((_LINE + 1) / 2 - away, 0, 1).astype(np.float32)
    return covered


@cache
def _font(points: float) -> ImageFont.FreeTypeFont:
    """Return the font that matplotlib brings and draws plots with; it is not imported."""
    found = find_spec("matplotlib")
    folder = Path(str(found and found.origin)).parent / "mpl-data" / "fonts" / "ttf"
    return ImageFont.truetype(folder / "DejaVuSans.ttf", points * 100 / 72)
