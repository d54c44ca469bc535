"""Morphology-enabled dipole inversion."""

from __future__ import annotations

import numpy as np
import scipy.fft as sf

from qsmbids.array_types import Bool, Complex, Float
from qsmbids.inversion.edges import steep_differences
from qsmbids.physics import DipoleConvolution
from qsmbids.physics.gradient import (
    add_adjoint_difference,
    difference,
    laplacian_spectrum,
    spacing,
)
from qsmbids.physics.noise import unexplained_level
from qsmbids.physics.problem import Problem
from qsmbids.physics.solve import conjugate_gradients, spectral_inner

LINEAR_STEPS = 3  # as in NDI: phasors more than half a turn apart pull to the wrong turn
OUTLIER = 6  # standard deviations of the weighted residual, once the linear steps have settled
# A gradient below this share of the field's root mean square counts as none, and the effort of
# one step. Less of the first or more of the second costs time and no longer lowers the error.
FLAT = 0.1
CG_STEPS, CG_TOLERANCE = 10, 0.1


def medi(
    problem: Problem,
    *,
    regularization: float = 0.07,
    edges: float = 0.3,
    phase_scale: float = 20.0,
    iterations: int = 6,
    error_reduction: bool = True,
) -> Float:
    r"""Return the map that fits the field with the fewest edges where the magnitude has none.

    Minimises :math:`\frac12 \|W (e^{i s D\chi} - e^{i s f})\|^2 / s^2 + \lambda \|M G\chi\|_1` by
    Gauss-Newton steps, where M is 0 at the edges of the magnitude and 1 elsewhere, so that
    contrast there is free. The first steps are linear, without the phasors. Model error
    reduction (MERIT): between the later steps the weights of voxels whose residual stands out
    by more than 6 standard deviations fall with its square. Sources outside the mask are left
    free: those in its eroded rim shape the field inside.

    Parameters
    ----------
    problem : Problem
        The scale of its weight does not matter; without a magnitude M is 1 everywhere.
    regularization : float
        Lambda over the field's uncertainty, which is read from the field itself; larger is
        smoother.
    edges : float
        Share of the magnitude's differences between neighbours in the mask that count as edges.
    phase_scale : float
        s, the radians that stand for 1 ppm; 20 is 3 T at 25 ms.
    iterations : int
        Gauss-Newton steps.
    error_reduction : bool
        Whether to reduce the weights of outliers.

    References
    ----------
    Liu J et al., NeuroImage 59:2560 (2012); Liu T et al., Magn Reson Med 69:467 (2013), for the
    phasors and MERIT.
    """
    if regularization <= 0 or phase_scale <= 0:
        raise ValueError("MEDI's regularization and phase_scale must be positive")
    if not 0 <= edges < 1:
        raise ValueError(f"the share of edges must lie between 0 and 1, not {edges}")
    if iterations < 1:
        raise ValueError(f"MEDI needs at least one iteration, not {iterations}")
    dipole, field, mask = problem.dipole, problem.field, problem.mask
    spread = float(np.sqrt(np.mean(np.square(field[mask], dtype=np.float64))))
    lam = np.float32(regularization * max(unexplained_level(field, mask), 1e-6 * spread))
    flat = np.float32(FLAT * spread)
    smoothness = _Smoothness(dipole, lam, flat)
    if problem.magnitude is not None:
        smoothness.spare(problem.magnitude, mask, edges)
    weight2 = problem.squared_weight()
    scale = np.float32(phase_scale)
    chi: Complex = np.zeros(dipole.kernel.shape, np.complex64)
    for iteration in range(iterations):
        residual = dipole.inverse(dipole.kernel * chi) - field
        if iteration >= LINEAR_STEPS:
            residual *= scale
            np.sin(residual, out=residual)
            residual /= scale
        if error_reduction and iteration > LINEAR_STEPS:
            weight2 = _without_outliers(weight2, residual, mask)
        smoothness.update(sf.irfftn(chi, dipole.padded))
        target = dipole.transform(weight2 * residual) * dipole.kernel
        target += smoothness(chi)
        chi -= _solve(dipole, weight2, smoothness, target)
    return dipole.inverse(chi)


def _without_outliers(weight2: Float, residual: Float, mask: Bool) -> Float:
    error = np.abs(residual) * np.sqrt(weight2)
    limit = OUTLIER * error[mask].std(dtype=np.float64)
    if limit == 0:
        return weight2
    error /= np.float32(limit)
    np.maximum(error, 1, out=error)
    lowered: Float = weight2 / np.square(np.square(error))  # the weight falls with the square
    return lowered


class _Smoothness:
    """lambda G^T V G: the curvature of the penalty at the map of the last `update`."""

    def __init__(self, dipole: DipoleConvolution, lam: np.float32, flat: np.float32):
        self.shape = dipole.padded
        self.scale = spacing(dipole.voxel_size)
        self.lam, self.flat = lam, flat
        self.laplacian = laplacian_spectrum(self.shape, dipole.voxel_size)
        self.penalised = [np.ones((1, 1, 1), bool)] * 3
        self.curvature = [np.zeros(self.shape, np.float32) for _ in range(3)]
        self.mean = 0.0

    def spare(self, magnitude: Float, mask: Bool, share: float) -> None:
        """Leave the steepest differences of the magnitude in the mask out of the penalty."""
        padding = [(0, p - n) for p, n in zip(self.shape, mask.shape, strict=True)]
        image, inside = np.pad(magnitude, padding), np.pad(mask, padding)
        self.penalised = [~steep for steep in steep_differences(image, inside, self.scale, share)]

    def update(self, chi: Float) -> None:
        """Take the curvature at ``chi``: for one axis, V = M / sqrt((G chi)^2 + flat^2)."""
        for axis, curvature in enumerate(self.curvature):
            difference(chi, axis, self.scale[axis], curvature)
            curvature *= curvature
            curvature += self.flat**2
            np.sqrt(curvature, out=curvature)
            np.divide(self.lam * self.penalised[axis], curvature, out=curvature)
        self.mean = float(np.mean([c.mean() for c in self.curvature]))

    def __call__(self, chi: Complex) -> Complex:
        """Return the spectrum of what the curvature makes of the image with spectrum ``chi``."""
        image: Float = sf.irfftn(chi, self.shape)
        result, change = np.zeros_like(image), np.empty_like(image)
        for axis, curvature in enumerate(self.curvature):
            difference(image, axis, self.scale[axis], change)
            change *= curvature
            change *= self.scale[axis]
            add_adjoint_difference(change, axis, result)
        spectrum: Complex = sf.rfftn(result)
        return spectrum


def _solve(
    dipole: DipoleConvolution, weight2: Float, smoothness: _Smoothness, target: Complex
) -> Complex:
    """Solve the Gauss-Newton system by conjugate gradients on half spectra.

    There the preconditioner, both terms with constant weights, is a division.
    """
    inverse = dipole.kernel**2 * np.float32(weight2.sum() / np.prod(dipole.padded))
    inverse += np.float32(smoothness.mean) * smoothness.laplacian
    inverse[0, 0, 0] = 1
    np.reciprocal(inverse, out=inverse)
    inverse[0, 0, 0] = 0  # no field determines the mean

    def normal(chi: Complex) -> Complex:
        field = dipole.inverse(dipole.kernel * chi)
        field *= weight2
        image = dipole.transform(field)
        image *= dipole.kernel
        image += smoothness(chi)
        return image

    return conjugate_gradients(
        normal,
        target,
        CG_TOLERANCE,
        CG_STEPS,
        lambda residual: inverse * residual,
        dot=lambda a, b: spectral_inner(a, b, dipole.padded[-1]),
    )
