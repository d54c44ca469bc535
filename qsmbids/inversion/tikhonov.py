"""Closed-form inversion with an L2 penalty on the gradient."""

from __future__ import annotations

import numpy as np

from qsmbids.physics.gradient import laplacian_spectrum
from qsmbids.physics.problem import Float, Problem


def tikhonov(problem: Problem, *, regularization: float = 0.01) -> Float:
    r"""Minimise :math:`\|D\chi - f\|^2 + \lambda \|G\chi\|^2` by one division in k-space.

    Parameters
    ----------
    problem : Problem
        The closed form exists without a weight only.
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
    dipole, kernel = problem.dipole, problem.dipole.kernel
    penalty = np.float32(regularization) * laplacian_spectrum(dipole.padded, problem.voxel_size)
    divisor = kernel**2 + penalty
    divisor[0, 0, 0] = 1
    return dipole.filter(problem.field, (kernel / divisor).astype(np.float32))
