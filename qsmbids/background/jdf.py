"""Joint dipole fit: sources inside and outside the mask explain the field together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from qsmbids.array_types import Bool, Float
from qsmbids.background.dipole_fit import DipoleFit
from qsmbids.background.unreliable import reliability
from qsmbids.checks import check_solver
from qsmbids.physics.kspace import fast_size
from qsmbids.physics.morphology import erode
from qsmbids.physics.noise import noise_level
from qsmbids.physics.problem import Problem

_MARGIN = 10.0  # mm around the mask in which sources may lie; 20 give the same local field
_UNMODELLED = 0.005  # ppm; what cubes of one susceptibility leave of a real head's field
_COARSE_ITERATIONS = 3  # times those of the finest grid
_LARGE = 10.0  # mm^3; a head has few voxels so large, and a coarser grid helps them little


def jdf(
    problem: Problem,
    *,
    erosion: float = 1.8,
    tissue_scale: float = 0.06,
    source_scale: float = 3.0,
    tolerance: float = 1e-4,
    max_iterations: int = 20,
) -> tuple[Float, Bool]:
    r"""Fit sources inside and outside the mask together, and take off those outside.

    The susceptibility :math:`\chi` of the whole grid minimises :math:`\| W (f - D \chi) \|^2 +
    \| \chi / s \|^2`: the most probable one if it has the standard deviation ``s``, small
    in tissue and large outside of the mask. Near the surface a field that has sources in the
    tissue's rim can so be told from the background, which methods that only ask for a harmonic
    function cannot. The local field is the field less that of the sources outside.

    The background is smooth inside, so the fit starts on grids of two and four times the voxel
    size, where iterations cost next to nothing; the voxels' own grid then needs a few only.
    Voxels without signal are strong sources themselves (calcification, haemorrhage): inside
    the mask, too, ``s`` is large there.

    Parameters
    ----------
    problem : Problem
        With the total field.
    erosion : float
        What to take off the mask in mm, and one layer of voxels at the least unless it is zero:
        next to the surface the split is uncertain, and voxels hold a part of what is outside.
    tissue_scale, source_scale : float
        Standard deviation ``s`` of the susceptibility inside and outside, in ppm.
    tolerance : float
        Stop when the gradient's norm has fallen to this part of the first.
    max_iterations : int
        Stop there at the latest; coarser grids, and voxels of more than 10 mm^3, are given
        three times as many.

    Raises
    ------
    ValueError
        If a scale is not positive, or the erosion is negative.

    References
    ----------
    Liu et al., Magn Reson Med 78:303 (2017), whose first step, the preconditioner, is the scale
    ``s``; Liu et al., NMR Biomed 24:1129 (2011).
    """
    if not (tissue_scale > 0 and source_scale > 0):
        raise ValueError("the two scales must be positive")
    if not erosion >= 0:
        raise ValueError("the erosion cannot be negative")
    check_solver(tolerance, max_iterations)
    field, mask, voxel_size = problem.field, problem.mask, problem.voxel_size
    border = [_border(n, edge) for n, edge in zip(mask.shape, voxel_size, strict=True)]
    inside = tuple(slice(low, -high) for low, high in border)
    reliable = reliability(problem.weight, mask) >= 0.5
    precision = _precision(problem, reliable)
    # what is linear in space is harmonic: it is background without a fit, as shims and the phase
    # between the two directions of a bipolar readout are, whose sources are far or none
    offset = _plane(field, precision)
    wider = Problem(
        np.pad(np.where(mask, field - offset, np.float32(0)), border),
        np.pad(mask, border),
        **problem.geometry,
    )
    tissue = np.pad(mask & ~binary_dilation(mask & ~reliable), border)
    scale = np.where(tissue, np.float32(tissue_scale), np.float32(source_scale))
    fit = DipoleFit(wider, np.pad(precision, border), scale)
    more = _COARSE_ITERATIONS * max_iterations
    chi = fit.solve(tolerance, more if np.prod(voxel_size) > _LARGE else max_iterations, more)
    chi[wider.mask] = 0
    background = fit.dipole(chi)[inside] + offset
    # the erosion in mm, or the shortest edge of a voxel if that is longer
    depth = max(erosion, min(voxel_size)) if erosion > 0 else 0.0
    return field - background, erode(mask, depth, voxel_size)


def _border(size: int, edge: float) -> tuple[int, int]:
    """Return how many voxels to put before and behind an axis, for a size that transforms fast."""
    least = int(np.ceil(_MARGIN / edge))
    return least, fast_size(size + 2 * least) - size - least


def _plane(field: Float, precision: Float) -> Float:
    """Return the constant and slopes that fit a field best, on the whole grid."""
    powers = [np.linspace(-1, 1, n) ** np.arange(3)[:, None] for n in field.shape]
    terms = np.vstack([np.zeros(3, int), np.eye(3, dtype=int)])  # the powers of 1, x, y, z
    weights, values = _moments(precision, powers), _moments(precision * field, powers)
    normal = [[weights[tuple(one + other)] for other in terms] for one in terms]
    found = np.linalg.lstsq(normal, [values[tuple(term)] for term in terms], rcond=None)[0]
    lines = np.ix_(*(slope * power[1] for slope, power in zip(found[1:], powers, strict=True)))
    return np.asarray(found[0] + sum(lines), dtype=np.float32)


def _moments(image: Float, powers: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the sums of an image times powers of x, y and z, an axis at a time."""
    sums = np.asarray(image @ powers[2].T.astype(np.float32), dtype=np.float64)
    made: NDArray[np.float64] = np.einsum(
        "xyc,ax,by->abc", sums, powers[0], powers[1], optimize=True
    )
    return made


def _precision(problem: Problem, reliable: Bool) -> Float:
    """Return one over the variance in 1/ppm^2 of what sources as large as voxels leave.

    It is that of the noise, which goes with 1/weight, once more its median everywhere, for
    what a voxel's sources are not: uniform, and a fixed one. Without the last, voxels count by
    orders of magnitude more or less than others, and the rim has not converged when the fit ends.
    """
    field, mask, weight = problem.field, problem.mask, problem.weight
    # a field without noise, or a mask too thin to tell, still has a scale: that of float32
    deviation = max(noise_level(field, reliable), 1e-4 * float(np.abs(field[mask]).mean()))
    if weight is None:
        uniform: Float = mask * np.float32(1 / (2 * deviation**2 + _UNMODELLED**2))
        return uniform
    relative2 = (weight / np.float32(np.median(weight[mask & (weight > 0)]))) ** 2
    noise2, fixed2 = np.float32(deviation**2), np.float32(_UNMODELLED**2)
    variance: Float = (relative2 + 1) * noise2 + relative2 * fixed2
    precision: Float = np.divide(mask * relative2, variance, dtype=np.float32)
    return precision
