"""Voxels whose field says nothing about the background."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter

from qsmbids.array_types import Bool, Float
from qsmbids.physics.morphology import fill_holes
from qsmbids.physics.problem import Problem

_NOISE_IS_LOCAL_FIELD = 0.05  # weight, relative to the median, at which both are alike


def reliability(weight: Float | None, mask: Bool) -> Float:
    r"""Return how much each voxel tells of the background, 0 to 1, zero outside the mask.

    To a fit of the background the local field is noise as well, and mostly the larger one. The
    variances add: :math:`w^2 / (w^2 + c^2)`, with c the weight at which the measurement's noise
    is as large as a usual local field (of the order of 0.01 ppm). So a voxel counts fully unless
    it has next to no signal.

    Parameters
    ----------
    weight : (x, y, z) float32 array, optional
        Proportional to 1/noise; uniform by default.
    mask : (x, y, z) bool array
        Where the field is known.
    """
    if weight is None:
        return mask.astype(np.float32)
    relative = weight / np.float32(np.median(weight[mask & (weight > 0)]))
    relative *= relative
    return np.where(mask, relative / (relative + np.float32(_NOISE_IS_LOCAL_FIELD**2)), 0)


def without_gaps(problem: Problem) -> Float:
    """Return the field (x, y, z) with its unreliable voxels inpainted."""
    return inpaint(problem.field, reliability(problem.weight, problem.mask), problem.voxel_size)


def inpaint(
    field: Float, reliable: Float, voxel_size: Sequence[float], width: float = 2.0
) -> Float:
    """Return ``field`` with the mean of reliable neighbours put where it is not reliable.

    Parameters
    ----------
    field : (x, y, z) float32 array
        Any image.
    reliable : (x, y, z) float32 array
        From `reliability`; what is below 1/2 is replaced, unless no neighbour knows better.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.
    width : float
        Standard deviation of the Gaussian in mm.
    """
    sigma = [width / s for s in voxel_size]
    known = gaussian_filter(reliable, sigma)
    mean = gaussian_filter(reliable * field, sigma)
    unknown = (reliable < 0.5) & (known > 1e-3)
    return np.where(unknown, mean / np.maximum(known, np.float32(1e-3)), field)


def trusted(mask: Bool, weight: Float) -> Bool:
    """Return ``mask`` less the unreliable voxels that reach its surface.

    Enclosed ones, such as the core of a calcification, stay: the background there follows from
    its values around. At the surface nothing holds it.

    Parameters
    ----------
    mask : (x, y, z) bool array
        Where the field is known.
    weight : (x, y, z) float32 array
        Proportional to 1/noise.
    """
    kept: Bool = mask & fill_holes(mask & (reliability(weight, mask) >= 0.5))
    return kept
