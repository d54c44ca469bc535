"""The phase that differs between odd and even echoes of a bipolar readout."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

_LEAST = 0.1  # rad, root mean square: less is left alone
_LEAST_COHERENCE = 0.6  # 1 where the plane explains everything; noise of SNR 5 leaves 0.67


def readout_offset(
    phase: Float, magnitude: Float, times: Float, region: NDArray[np.bool_]
) -> tuple[Float | None, str]:
    r"""Return the phase (rad) that even echoes have over odd ones, and a warning if there is any.

    Parameters
    ----------
    phase, magnitude : (echo, voxel) float32 array
        At the voxels of ``region``.
    times : (echo,) float32 array
        In seconds.
    region : (x, y, z) bool array

    Returns
    -------
    offset : (voxel,) float32 array or None
        None where there is nothing to correct, or it cannot be told: it takes four evenly
        spaced echoes.
    warning : str
        Empty if there is none.

    Notes
    -----
    With even spacing the third difference :math:`\phi_1 - 3\phi_2 + 3\phi_3 - \phi_4` is free
    of offset, field and any quadratic term; an alternating offset b makes it -4 b. Gradient
    delays make b linear in position, so its slope along each axis is read from the complex
    product of neighbouring voxels and its constant from the complex mean, without unwrapping.
    The second difference, -2 b, tells b from b + pi/2; b and b + pi cannot be told apart, since
    a constant field hides the difference, and the one nearer to zero is taken.

    References
    ----------
    Lu et al., Magn Reson Med 60:198 (2008); Li et al., Magn Reson Imaging 33:1183 (2015).
    """
    steps = np.diff(times)
    if len(times) < 4 or steps.max() > 1.01 * steps.min():
        return None, ""
    third = -(phase[0] - 3 * phase[1] + 3 * phase[2] - phase[3])
    weight = np.prod(magnitude[:4] / magnitude.max(), axis=0)
    phasor = np.zeros(region.shape, dtype=np.complex64)
    phasor[region] = weight * np.exp(1j * third)
    if not weight.any():
        return None, ""
    plane = np.zeros(region.shape, dtype=np.float32)
    for axis, n in enumerate(region.shape):
        ahead, here = np.moveaxis(phasor, axis, 0)[1:], np.moveaxis(phasor, axis, 0)[:-1]
        slope = np.angle(np.vdot(here, ahead))
        line = (slope * (np.arange(n) - n / 2)).astype(np.float32)
        plane += line.reshape([-1 if i == axis else 1 for i in range(3)])
    mean = np.sum(phasor * np.exp(-1j * plane)) / weight.sum()
    if np.abs(mean) < _LEAST_COHERENCE:
        return None, ""
    constant = np.float32(np.angle(mean))
    offset: Float = (plane[region] + constant) / np.float32(4)
    second = phase[0] - 2 * phase[1] + phase[2]
    if np.sum(weight * np.cos(second + 2 * offset)) < 0:
        offset += np.float32(np.pi / 2)
    offset -= np.float32(np.pi) * np.round(offset.mean() / np.float32(np.pi))
    size = float(np.sqrt(np.mean(offset**2)))
    if size < _LEAST:
        return None, ""
    return offset, (
        f"Odd and even echoes differ by a linear phase of {size:.2f} rad (root mean square), as a"
        " bipolar readout makes it; it was removed."
    )
