"""Pictures of a series' echoes, drawn during the run: a page has the echoes no longer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from qsmbids.bids.volume import Grid, Image, Volume
from qsmbids.reports import windows
from qsmbids.reports.slices import Panel, drawn, planes
from qsmbids.reports.view import View, view_of

CAPTIONS = {
    "wrapped": (
        "Wrapped phase",
        "The phase as the scanner gave it, of the first and the last echo or of their "
        "difference. Expect smooth bands with sharp "
        "jumps by a full turn inside the head, and noise around it.",
    ),
    "unwrapped": (
        "Unwrapped phase",
        "The last echo without its jumps and without the phase at echo time zero. Expect a smooth "
        "image: a jump that is left is an error of the unwrapping.",
    ),
    "noise": (
        "Noise map",
        "Standard deviation of the total field. Expect it dark; bright are the voxels without "
        "signal or with contradicting echoes, which have little weight.",
    ),
    "residual": (
        "Residual of the phase fit",
        "What a straight line through the echoes leaves of their phase. Expect it dark but for "
        "vessels, in which blood flows, and the rim; structure elsewhere means motion, a wrong "
        "echo time or a wrap.",
    ),
}
"""Heading and caption of each picture, in the order of the page."""


def draw_echoes(
    *,
    phase: NDArray[np.float32],
    brain: NDArray[np.bool_],
    unwrapped: Image,
    noise: Image,
    residual: Image,
    affine: NDArray[np.float64],
    echo_times: Sequence[float],
    difference: bool,
    strength: float,
) -> dict[str, bytes]:
    """Return WebP images of ``CAPTIONS``; of the residual only where three echoes leave one.

    Parameters
    ----------
    phase : (echo, x, y, z) float32 array
        In radians; axes to right, anterior, superior.
    brain : (x, y, z) bool array
    unwrapped : (x, y, z) float32 array
        In radians, of the last echo without its offset.
    noise : (x, y, z) float32 array
        Standard deviation of the total field in ppm.
    residual : (x, y, z) float32 array
        In radians.
    affine : (4, 4) array
    echo_times : sequence of float
        In seconds.
    difference : bool
        Whether the phase counts from the first echo, so that only the last shows anything.
    strength : float
        In tesla.
    """
    grid = Grid(brain.shape, affine)
    view = view_of(Volume(np.asarray(brain, dtype=np.float32), grid))
    inside = np.asarray(brain)[view.box]

    def cut(image: Image) -> list[Panel]:
        return planes(np.where(inside, image[view.box], np.float32(np.nan)), view, {})

    time = echo_times[-1] - echo_times[0] if difference else echo_times[-1]
    shown = {
        "wrapped": drawn(
            _wrapped(phase, view, echo_times, difference), windows.PHASE_RAD, "rad", columns=3
        ),
        "unwrapped": drawn(cut(unwrapped), windows.unwrapped_window(strength, time), "rad"),
        "noise": drawn(cut(noise), windows.noise_window(strength, time), "ppm"),
    }
    if residual.any():
        shown["residual"] = drawn(cut(residual), windows.RESIDUAL_RAD, "rad")
    return shown


def _wrapped(
    phase: NDArray[np.float32], view: View, echo_times: Sequence[float], difference: bool
) -> list[Panel]:
    last = len(phase) - 1
    panels = []
    for echo in [last] if difference or last == 0 else [0, last]:
        time = 1000 * (echo_times[echo] - (echo_times[0] if difference else 0))
        for panel in planes(phase[echo][view.box], view, {}):
            panels.append(replace(panel, title=f"TE {time:.3g} ms, {panel.title}"))
    return panels
