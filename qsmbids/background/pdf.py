"""Projection onto dipole fields."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import binary_dilation

from qsmbids.array_types import Bool, Float
from qsmbids.background.unreliable import reliability
from qsmbids.checks import check_solver
from qsmbids.physics import DipoleConvolution
from qsmbids.physics.problem import Problem
from qsmbids.physics.solve import conjugate_gradients


@dataclass(frozen=True)
class DipoleFit:
    """How to fit dipoles to a field.

    Parameters
    ----------
    margin : float
        Space around the mask's bounding box in which sources may lie, in mm.
    source_scale : float
        Standard deviation ``s`` of the susceptibility outside, in ppm.
    local_scale : float
        Standard deviation ``l`` of the local field, in ppm.
    tolerance : float
        Stop when the gradient's norm has fallen to this part of the first.
    max_iterations : int
        Stop there at the latest.

    Raises
    ------
    ValueError
        If the margin or a scale is not positive.
    """

    margin: float = 20.0
    source_scale: float = 3.0
    local_scale: float = 0.012
    tolerance: float = 1e-3
    max_iterations: int = 30

    def __post_init__(self) -> None:
        if not (self.margin > 0 and self.source_scale > 0 and self.local_scale > 0):
            raise ValueError("the margin and the two scales must be positive")
        check_solver(self.tolerance, self.max_iterations)


FIT = DipoleFit()


def pdf(problem: Problem, *, fit: DipoleFit = FIT) -> tuple[Float, Bool]:
    r"""Take off the field of the dipoles outside the mask that explain it best.

    The sources :math:`\chi` outside minimise :math:`\| W (f - D \chi) \|^2 / l^2 + \| \chi \|^2
    / s^2`: the most probable ones if the local field has the standard deviation ``l`` and the
    sources outside (air, bone, fat) have ``s``. Without the second term, which the original
    method leaves to an early stop, the dipoles next to the mask explain the local field too.

    Voxels without signal are strong sources themselves (calcification, haemorrhage), and a
    fit without them would put their field down to the outside: they may hold dipoles as well,
    whose field stays in the local field. The mask stays as it is.

    References
    ----------
    Liu et al., NMR Biomed 24:1129 (2011).
    """
    precision = reliability(problem.weight, problem.mask)
    background, _ = fit_dipoles(replace(problem, weight=precision), fit)
    return problem.field - background, problem.mask


def fit_dipoles(problem: Problem, fit: DipoleFit = FIT) -> tuple[Float, Float]:
    """Fit dipoles outside the mask and in its unreliable voxels to the field.

    Parameters
    ----------
    problem : Problem
        Its weight, by default the mask, is what `reliability` makes of it.
    fit : DipoleFit
        How to fit.

    Returns
    -------
    background, everything
        Field of the dipoles outside, and of all of them.
    """
    precision = problem.mask.astype(np.float32) if problem.weight is None else problem.weight
    border = [(n, n) for n in (int(np.ceil(fit.margin / s)) for s in problem.voxel_size)]
    outside = ~np.pad(problem.mask, border)
    gaps = binary_dilation(problem.mask & (precision < 0.5))
    sources = outside | np.pad(gaps, border)
    dipole = DipoleConvolution(outside.shape, **problem.geometry, margin=max(n for n, _ in border))
    weight = np.pad(precision, border)
    ridge = np.float32((fit.local_scale / fit.source_scale) ** 2)

    chi = conjugate_gradients(
        lambda chi: dipole.normal(chi, weight, sources, ridge),
        dipole(np.pad(problem.field, border) * weight) * sources,
        fit.tolerance,
        fit.max_iterations,
    )
    inside = tuple(slice(low, -high) for low, high in border)
    background = dipole(chi * outside)[inside]
    return background, dipole(chi)[inside] if gaps.any() else background
