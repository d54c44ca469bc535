"""What Pillow draws of slices."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from qsmbids.reports.canvas import Box, Canvas
from qsmbids.reports.picture import PANEL

RED = "#ff0000"
BOX = Box(10, 20, 120, 80)


def pixels(canvas):
    return np.asarray(Image.open(io.BytesIO(canvas.webp())), float)


def ramp(rows=8, columns=12):
    """Return an image that grows from bottom to top."""
    return np.repeat(np.linspace(-1, 1, rows, dtype=np.float32)[:, None], columns, 1)


def test_an_image_stands_upright_in_its_box_and_in_its_window():
    canvas = Canvas(200, 150)
    canvas.put(ramp(), (-1, 1), {}, BOX)
    shown = pixels(canvas)
    column = shown[20:100, 70].mean(-1)
    assert column[0] > 245
    assert column[-1] < 10
    assert column[40] == pytest.approx(128, abs=8)
    background = [int(PANEL[i : i + 2], 16) for i in (1, 3, 5)]
    for corner in (shown[10, 5], shown[110, 70], shown[60, 140]):
        np.testing.assert_allclose(corner, background, atol=4)


def test_what_is_not_known_is_not_drawn_and_darkens_no_edge():
    image = np.ones((8, 12), np.float32)
    image[:, 6:] = np.nan
    canvas = Canvas(200, 150)
    canvas.put(image, (0, 1), {}, BOX)
    row = pixels(canvas)[60, :, 0]
    assert (row[12:66] > 240).all()
    assert (row[66:69] > 200).all()
    assert (row[74:] < 40).all()


def test_a_line_runs_around_a_mask():
    mask = np.zeros((8, 12), bool)
    mask[2:6, 3:9] = True
    canvas = Canvas(200, 150)
    canvas.put(np.zeros((8, 12), np.float32), (0, 1), {RED: mask}, BOX)
    red = pixels(canvas)[20:100, 10:130, 0] > 100
    assert red[40, 28:33].any()  # its left edge is 30 pixels from the left one of the box
    assert red[40, 88:93].any()
    assert red[18:23, 60].any()  # and the upper one 20 from the top
    assert red[58:63, 60].any()
    assert red.sum() < 900  # a line, for all of the mask are 2,400


def test_letters_are_written():
    canvas = Canvas(200, 150)
    before = pixels(canvas)
    canvas.write("x = \N{MINUS SIGN}12 mm", 100, 75, "mm")
    rows, columns = np.nonzero(np.abs(pixels(canvas) - before).max(-1) > 60)
    assert 40 < columns.mean() < 160
    assert 70 < rows.mean() < 80
