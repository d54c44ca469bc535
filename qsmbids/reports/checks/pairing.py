"""Whether a phase image is one, and belongs to the magnitude."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from qsmbids.array_types import Bool, Float

_AROUND = 8.0  # mm of air around the head
_SIMILAR = 1.5  # axes whose voxels are longer than that times the shortest edge are left out
_MOST = 0.5  # incoherence of noise
_SLICES = 40  # as many tell as much


def pairing(
    magnitude: Float, phase: Float, head: Bool, voxel_size: Sequence[float]
) -> dict[str, float]:
    """Return how the phase's noise goes with the magnitude.

    Parameters
    ----------
    magnitude, phase : (x, y, z) float32 array
        Of one echo; phase in radians. Axes to right, anterior, superior.
    head : (x, y, z) bool array
        Where the magnitude holds signal.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.

    Returns
    -------
    dict
        ``noise``: correlation of the phase's incoherence with the logarithm of the magnitude, its
        sign turned, around the head: phase is noise where there is no signal. ``sides``: the
        correlation of what of the two differs between left and right; it turns its sign when one
        of them is mirrored, and goes when they are of different heads. ``uneven phase``,
        ``uneven magnitude``: the deviation of these differences over that of the images, small
        where a head is symmetric, so that little is left to correlate.
    """
    some = (..., slice(None, None, max(1, magnitude.shape[2] // _SLICES)))
    rough = _incoherence(phase[some], voxel_size[:2])
    signal = ndimage.uniform_filter(magnitude[some], (3, 3, 1))
    level = np.log(np.maximum(signal, np.float32(0.02) * np.percentile(signal, 99)))
    near = head[some]
    for axis, edge in enumerate(voxel_size[:2]):
        near = ndimage.maximum_filter1d(near, 2 * max(1, round(_AROUND / edge)) + 1, axis=axis)
    near &= ~np.isnan(rough)
    both = near & near[::-1]
    if np.count_nonzero(both) < 100:
        return {}
    uneven = [(image - image[::-1])[both] for image in (rough, level)]
    shares = [float(u.std() / i[near].std()) for u, i in zip(uneven, (rough, level), strict=True)]
    return {
        "noise": _against(rough[near], level[near]),
        "sides": _against(*uneven),
        "uneven phase": shares[0],
        "uneven magnitude": shares[1],
    }


def _against(one: Float, other: Float) -> float:
    if not (one.std() and other.std()):
        return 0.0
    return -float(np.corrcoef(one, other)[0, 1])


def _incoherence(phase: Float, edges: Sequence[float]) -> Float:
    """Return 0 where phase is linear within slices to 0.5 in noise; NaN where it is constant."""
    signal = np.exp(np.complex64(1j) * phase)
    total, axes = np.zeros(phase.shape, np.float32), 0
    for axis, edge in enumerate(edges):
        if edge > _SIMILAR * min(edges) or phase.shape[axis] < 3:
            continue
        along = np.moveaxis(signal, axis, 0)
        bend = along[2:] * along[:-2] * np.conj(along[1:-1]) ** 2
        np.moveaxis(total, axis, 0)[1:-1] += 1 - bend.real
        axes += 1
    rough = ndimage.uniform_filter(total / (2 * max(axes, 1)), (3, 3, 1))
    return np.where(total == 0, np.float32(np.nan), np.minimum(rough, np.float32(_MOST)))
