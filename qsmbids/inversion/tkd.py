"""Thresholded k-space division."""

from __future__ import annotations

import numpy as np

from qsmbids.array_types import Float
from qsmbids.physics.problem import Problem


def tkd(problem: Problem, *, threshold: float = 0.15) -> Float:
    """Return the field divided by the kernel in k-space, where that is small by a constant.

    Parameters
    ----------
    problem : Problem
        Its weight has no place in a division in k-space.
    threshold : float
        Below this ``|D|`` the divisor is ``sign(D) * threshold``; between 0 and 2/3.

    References
    ----------
    Shmueli et al., Magn Reson Med 62:1510 (2009), eq. 7; the correction is that of Schweser et
    al., Magn Reson Med 69:1582 (2013), for the scale that the threshold takes away: the height of
    the point-spread function.
    """
    if not 0 < threshold < 2 / 3:
        raise ValueError(f"the TKD threshold must lie between 0 and 2/3, not {threshold}")
    kernel = problem.dipole.kernel
    sign = np.where(kernel < 0, np.float32(-1), np.float32(1))
    inverse = sign / np.maximum(np.abs(kernel), np.float32(threshold))
    inverse /= np.mean(kernel * inverse, dtype=np.float64)
    inverse[0, 0, 0] = 0
    return problem.dipole.filter(problem.field, inverse.astype(np.float32))
