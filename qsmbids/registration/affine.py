"""Affine registration of a head to a template of any contrast."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qsmbids.physics import voxel_size
from qsmbids.registration import comparison
from qsmbids.registration.itk import at_spacing, demand_simpleitk, matrix_of, to_image

LEVELS = (6.0, 3.0)
"""Spacings in mm at which the images are compared, one after the other."""
DIGITS = 6
"""Of the matrix and of the translation in mm: a ten-thousandth of a millimetre in the head."""


def register_affine(
    fixed: ArrayLike,
    moving: ArrayLike,
    *,
    fixed_affine: ArrayLike,
    moving_affine: ArrayLike,
    fixed_mask: ArrayLike,
    moving_mask: ArrayLike,
) -> NDArray[np.float64]:
    """Return the matrix that takes a point of one head's world to another's, in mm.

    The search starts where the masks' centres meet and their volumes are equal, and compares
    the images by mutual information in and close around the fixed mask.

    Parameters
    ----------
    fixed, moving : (x, y, z) array_like
        A magnitude, and a template.
    fixed_affine, moving_affine, fixed_mask, moving_mask
        As in `qsmbids.registration.rigid.register`, which raises the same errors.

    Returns
    -------
    (4, 4) float64 array
        The same for the same input, whatever the number of processors.
    """
    sitk = demand_simpleitk("Regions of an atlas are registered")
    inside, other = comparison.both_brains(fixed_mask, moving_mask)
    still = to_image(sitk, comparison.without_coil(fixed, inside, fixed_affine), fixed_affine)
    moved = to_image(sitk, np.where(other, moving, 0), moving_affine)
    transform = sitk.AffineTransform(3)
    centre = comparison.centre_of(inside, fixed_affine)
    transform.SetCenter(centre.tolist())
    transform.SetTranslation((comparison.centre_of(other, moving_affine) - centre).tolist())
    scale = np.cbrt(_volume(other, moving_affine) / _volume(inside, fixed_affine))
    transform.SetMatrix((np.clip(scale, 0.8, 1.25) * np.eye(3)).ravel().tolist())
    near = comparison.with_rim(inside, fixed_affine)
    method = comparison.mutual_information(sitk, to_image(sitk, near, fixed_affine))
    method.SetOptimizerAsGradientDescentLineSearch(1.0, 60, 1e-5, 8)
    try:
        for spacing in LEVELS:
            pair = [at_spacing(sitk, image, spacing) for image in (still, moved)]
            voxels = _volume(near, fixed_affine) / np.prod(pair[0].GetSpacing())
            method.SetMetricSamplingPercentage(
                float(min(1.0, comparison.SAMPLES / voxels)), comparison.SEED
            )
            method.SetInitialTransform(transform, True)
            method.Execute(*pair)
            # the metric's derivatives are summed in an order that changes in the last digit
            transform.SetParameters(np.round(transform.GetParameters(), DIGITS).tolist())
    except RuntimeError as error:
        raise ValueError(
            "the head could not be registered to the template: the images hardly overlap, or "
            "hold no head"
        ) from error
    return matrix_of(transform)


def _volume(mask: NDArray[np.bool_], affine: ArrayLike) -> float:
    return float(mask.sum() * np.prod(voxel_size(affine)))
