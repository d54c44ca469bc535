"""The phase that differs between odd and even echoes of a bipolar readout."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from qsmbids.array_types import Float
from qsmbids.phase.phasor import phasor

_LEAST = 0.1  # rad, root mean square: less is left alone
_SAME_STEP = 0.01
_BLOCK = 5  # voxels
_MOST_FOLLOWING = 0.5  # an echo of a wrong time reaches 0.9, a readout 0.1
_LEAST_COHERENCE = 0.6  # 1 where the plane explains everything; noise of SNR 5 leaves 0.67


def readout_offset(
    phase: Float,
    magnitude: Float,
    times: Float,
    region: NDArray[np.bool_],
    unwrapped: Callable[[Float], Float],
) -> tuple[Float | None, str]:
    r"""Return the phase (rad) that even echoes have over odd ones, and a warning if there is any.

    Parameters
    ----------
    phase, magnitude : (echo, voxel) float32 array
        At the voxels of ``region``.
    times : (echo,) float32 array
        In seconds, increasing.
    region : (x, y, z) bool array
    unwrapped : function of a (voxel,) float32 array
        Unwraps phase in space; used where the first echoes are not evenly spaced.

    Returns
    -------
    offset : (voxel,) float32 array or None
        None where there is nothing to correct, or it cannot be told: it takes three echoes.
    warning : str
        Empty if there is none.

    Notes
    -----
    Gradient delays make the offset b of even echoes linear in position. A combination of phases
    in which offset and field cancel holds b alone, times a factor: the slopes of b along each
    axis are read from the complex product of neighbouring voxels and its constant from the
    complex mean, without unwrapping. With even spacing the combinations are
    :math:`\phi_1 - 2\phi_2 + \phi_3 = -2b` and, of four echoes,
    :math:`\phi_1 - 3\phi_2 + 3\phi_3 - \phi_4 = -4b`, in which a quadratic term cancels too.
    With other spacings it is the second echo less the line through the first and the third,
    whose difference has to be unwrapped in space. b and b + pi cannot be told apart, since a
    constant field hides the difference, and the one nearer to zero is taken.

    An echo of a wrong time leaves a phase as well, which in a small region may be nearly linear.
    It follows the field in all that is not linear, too; a readout's offset does not.

    References
    ----------
    Lu et al., Magn Reson Med 60:198 (2008); Li et al., Magn Reson Imaging 33:1183 (2015).
    """
    if len(times) < 3:
        return None, ""
    alone, factor = _alone(phase, times, unwrapped)
    used = min(len(times), 4) if factor == 4 else 3
    weight = np.prod(magnitude[:used] / magnitude.max(), axis=0)
    if not weight.any():
        return None, ""
    plane, coherence = _plane(weight * alone, float(weight.sum()), region)
    if coherence < _LEAST_COHERENCE:
        return None, ""
    offset: Float = plane / np.float32(factor)
    if factor == 4:
        second = phase[0] - 2 * phase[1] + phase[2]
        if np.sum(weight * np.cos(second + 2 * offset)) < 0:
            offset += np.float32(np.pi / 2)
    offset -= np.float32(np.pi) * np.round(offset.mean() / np.float32(np.pi))
    size = float(np.sqrt(np.mean(offset**2)))
    difference = phasor(phase[2] - phase[0])
    if size < _LEAST or _follow(weight * alone, weight * difference, region) > _MOST_FOLLOWING:
        return None, ""
    return offset, (
        f"Odd and even echoes differ by a linear phase of {size:.2f} rad (root mean square), as a"
        " bipolar readout makes it; it was removed."
    )


def _alone(
    phase: Float, times: Float, unwrapped: Callable[[Float], Float]
) -> tuple[NDArray[np.complex64], int]:
    """Return exp(i factor b) and the factor."""
    even = [abs(step / (times[1] - times[0]) - 1) < _SAME_STEP for step in np.diff(times)[1:3]]
    if len(even) == 2 and all(even):
        factor, turn = 4, -(phase[0] - 3 * phase[1] + 3 * phase[2] - phase[3])
    elif even[0]:
        factor, turn = 2, -(phase[0] - 2 * phase[1] + phase[2])
    else:
        share = np.float32((times[1] - times[0]) / (times[2] - times[0]))
        factor, turn = 1, phase[1] - phase[0] - share * unwrapped(phase[2] - phase[0])
    return phasor(turn), factor


def _plane(
    signal: NDArray[np.complex64], total: float, region: NDArray[np.bool_]
) -> tuple[Float, float]:
    """Return the phase (voxel) of the plane through ``signal``, and how much it explains."""
    image = np.zeros(region.shape, dtype=np.complex64)
    image[region] = signal
    plane = np.zeros(region.shape, dtype=np.float32)
    for axis, n in enumerate(region.shape):
        slope = np.angle(np.sum(_turns(image, axis)))
        line = (slope * (np.arange(n) - n / 2)).astype(np.float32)
        plane += line.reshape([-1 if i == axis else 1 for i in range(3)])
    flat = plane[region]
    mean = np.vdot(phasor(flat), signal) / total
    return flat + np.float32(np.angle(mean)), float(np.abs(mean))


def _turns(phasor: NDArray[np.complex64], axis: int) -> NDArray[np.complex64]:
    """Return the complex product of each voxel with the one before it along an axis."""
    line = np.moveaxis(phasor, axis, 0)
    turns: NDArray[np.complex64] = line[1:] * line[:-1].conj()
    return turns


def _follow(
    one: NDArray[np.complex64], other: NDArray[np.complex64], region: NDArray[np.bool_]
) -> float:
    """Return the correlation, 0 to 1, of the gradients of two phases, less their means.

    The gradients are averaged over blocks of voxels, without which noise would hide it.
    """
    sums = np.zeros(3)
    images = np.zeros((2, *region.shape), dtype=np.complex64)
    images[0][region], images[1][region] = one, other
    for axis in range(3):
        bends, weight = [], np.float32(1)
        for image in images:
            turns = _turns(image, axis)
            smooth = ndimage.uniform_filter(turns.real, _BLOCK).astype(np.complex64)
            smooth.imag = ndimage.uniform_filter(turns.imag, _BLOCK)
            bends.append(np.angle(smooth * np.exp(-1j * np.angle(turns.sum()))))
            weight = weight * np.abs(smooth)
        first, second = bends
        sums += [float((weight * pair).sum()) for pair in (first * second, first**2, second**2)]
    return abs(float(sums[0])) / max(float(np.sqrt(sums[1] * sums[2])), 1e-30)
