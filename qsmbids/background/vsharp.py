"""V-SHARP: spherical mean values of variable radius."""

from __future__ import annotations

import numpy as np

from qsmbids.array_types import Bool, Float
from qsmbids.background.spherical_mean import MeanValue, sphere
from qsmbids.background.unreliable import without_gaps
from qsmbids.physics.problem import Problem


def vsharp(
    problem: Problem,
    *,
    max_radius: float = 12.0,
    min_radius: float = 2.0,
    step: float = 1.0,
    threshold: float = 0.05,
) -> tuple[Float, Bool]:
    r"""Take off the spherical mean value of the largest sphere that fits, then deconvolve.

    Parameters
    ----------
    problem : Problem
        With the total field; the weight only says which voxels are unknown.
    max_radius, min_radius, step : float
        The spheres' radii in mm, from the largest to the smallest; a smallest radius below
        the longest voxel edge becomes that.
    threshold : float
        Where the largest sphere's response :math:`1 - \rho(k)` is smaller, its inverse is
        taken as zero.

    Returns
    -------
    local, mask
        Local field in ppm, and the mask eroded by the smallest sphere.

    Raises
    ------
    ValueError
        If the radii are not in order or the threshold or step is not positive.

    References
    ----------
    Schweser et al., NeuroImage 54:2789 (2011); Wu et al., Magn Reson Med 67:137 (2012).
    """
    if not 0 < min_radius <= max_radius:
        raise ValueError("the smallest radius must be positive and at most the largest")
    if step <= 0 or threshold <= 0:
        raise ValueError("the step and the threshold must be positive")
    voxel_size, mask = problem.voxel_size, problem.mask
    smallest = max(min_radius, *voxel_size)
    mean_value = MeanValue(mask.shape, voxel_size)
    spectrum = mean_value.transform(without_gaps(problem))
    filtered = np.zeros_like(problem.field)
    valid = np.zeros_like(mask)
    widest = None
    for radius in _radii(max(max_radius, smallest), smallest, step):
        ball = sphere(radius, voxel_size)
        fits = mean_value.erode(mask, ball)
        if not fits.any():
            continue
        response = 1 - mean_value.spectrum(ball)
        widest = response if widest is None else widest
        new = fits & ~valid
        filtered[new] = mean_value.inverse(spectrum * response)[new]
        valid |= fits
    if widest is None:
        return filtered, valid
    inverse = np.divide(1, widest, out=np.zeros_like(widest), where=widest > threshold)
    return mean_value.filter(filtered, inverse), valid


def _radii(largest: float, smallest: float, step: float) -> list[float]:
    radii = np.arange(largest, smallest, -step).tolist()
    return [*radii, smallest]
