"""Closed-form inversion with an L2 penalty on the gradient."""

from __future__ import annotations

import numpy as np

from qsmbids.array_types import Float
from qsmbids.physics.gradient import laplacian_spectrum
from qsmbids.physics.problem import Problem


def tikhonov(problem: Problem, *, regularization: float = 0.01) -> Float:
    r"""Return the map that minimises :math:`\|D\chi - f\|^2 + \lambda \|G\chi\|^2`, in closed form.

    Parameters
    ----------
    problem : Problem
        The closed form exists without a weight only.
    regularization : float
        Lambda, positive.

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
