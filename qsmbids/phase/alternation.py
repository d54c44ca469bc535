"""Slices of alternating sign, as GE's reconstruction leaves them."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from qsmbids.array_types import Float
from qsmbids.phase.phasor import phasor

_MOST_OPPOSED = -0.3  # a head has 0.5 and more even between slices of 9 mm, noise none
_LEAST_SLICES = 4


def alternating_axis(magnitude: Float, phase: Float) -> int | None:
    """Return the axis along which every second slice has the opposite sign, or None.

    Parameters
    ----------
    magnitude, phase : (x, y, z) float32 array
        Of the first echo; phase in radians.

    Notes
    -----
    Neighbouring slices of a head agree: the real part of their product, summed and over the
    signal's power, is near to 1. Where the halves of k-space along an axis were exchanged, they
    are opposed, and it is near to -1. The axis need not be that of the file's slices.
    """
    signal = magnitude * phasor(phase)
    power = float(np.vdot(signal, signal).real)
    for axis in range(3):
        slices = np.moveaxis(signal, axis, 0)
        if len(slices) < _LEAST_SLICES:
            continue
        agreement = sum(np.vdot(a, b).real for a, b in pairwise(slices))
        if agreement < _MOST_OPPOSED * power:
            return axis
    return None


def mend_alternation(phase: Float, axis: int) -> None:
    """Turn every second slice of phase by pi, in place.

    Parameters
    ----------
    phase : (echo, x, y, z) float32 array
        In radians, within [-pi, pi], where it stays.
    axis : int
        Of the volume, across the slices: from `alternating_axis`.
    """
    odd = np.moveaxis(phase, axis + 1, 1)[:, 1::2]
    odd -= np.where(odd > 0, np.float32(math.pi), np.float32(-math.pi))
