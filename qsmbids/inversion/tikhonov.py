"""Closed-form inversion with an L2 penalty on the gradient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qsmbids.inversion.gradient import laplacian_spectrum
from qsmbids.physics import DipoleConvolution

Float = NDArray[np.float32]


def tikhonov(
    field: Float,
    mask: NDArray[np.bool_],
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
    weight: Float | None = None,
    regularization: float = 0.01,
) -> Float:
    r"""Minimise :math:`\|D\chi - f\|^2 + \lambda \|G\chi\|^2` by one division in k-space.

    Parameters
    ----------
    field, mask, voxel_size, b0_dir, weight
        As in `qsmbids.inversion.invert`; the closed form exists without a weight only.
    regularization : float
        Lambda, positive.

    Returns
    -------
    (x, y, z) float32 array
        Susceptibility in ppm.

    References
    ----------
    Bilgic et al., J Magn Reson Imaging 40:181 (2014), eq. 4.
    """
    if regularization <= 0:
        raise ValueError(f"the regularization must be positive, not {regularization}")
    dipole = DipoleConvolution(field.shape, voxel_size, b0_dir)
    kernel = dipole.kernel
    penalty = np.float32(regularization) * laplacian_spectrum(dipole.padded, voxel_size)
    divisor = kernel**2 + penalty
    divisor[0, 0, 0] = 1
    return dipole.filter(field, (kernel / divisor).astype(np.float32))
