"""Slices of alternating sign, as GE's reconstruction leaves them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

_LEAST_TURN = 0.75 * math.pi  # no gradient turns the phase of a whole head so far in one voxel
_LEAST_SLICES = 4
_LEAST_COHERENCE = 0.3  # of neighbouring slices; noise has none


def alternating_axis(magnitude: Float, phase: Float) -> int | None:
    """Return the axis along which every second slice has the opposite sign, or None.

    Parameters
    ----------
    magnitude, phase : (x, y, z) float32 array
        Of the first echo; phase in radians.

    Notes
    -----
    Between neighbouring slices the phase of the whole signal turns little. Where the halves of
    k-space along an axis were exchanged, it turns by pi from slice to slice: the median over
    all pairs of slices tells. The axis need not be that of the file's slices.
    """
    signal = magnitude * np.exp(1j * phase)
    power = float(np.vdot(signal, signal).real)
    for axis in range(3):
        slices = np.moveaxis(signal, axis, 0)
        if len(slices) < _LEAST_SLICES:
            continue
        pairs = np.einsum("sij,sij->s", slices[1:], slices[:-1].conj())
        present = pairs[np.abs(pairs) > 0]
        if np.abs(present).sum() < _LEAST_COHERENCE * power:
            continue
        if np.median(np.abs(np.angle(present))) > _LEAST_TURN:
            return axis
    return None


def mend_alternation(phase: Float, axis: int) -> None:
    """Turn every second slice of phase (echo, x, y, z) by pi, in place, within [-pi, pi]."""
    odd = np.moveaxis(phase, axis + 1, 1)[:, 1::2]
    odd -= np.where(odd > 0, np.float32(math.pi), np.float32(-math.pi))
