"""How two heads are compared while one is registered to the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from qsmbids.array_types import Float, Mask
from qsmbids.physics import voxel_size

BINS = 40
RIM = 5.0
"""How far around the brain the images are compared, in mm."""
COIL = 15.0
"""Standard deviation in mm of the mean that takes the coil's sensitivity out of a magnitude."""
SAMPLES, SEED = 40_000, 1


def both_brains(fixed_mask: ArrayLike, moving_mask: ArrayLike) -> tuple[Mask, Mask]:
    """Return two brain masks as bool arrays; raise `ValueError` if either is empty."""
    inside, other = np.asarray(fixed_mask) != 0, np.asarray(moving_mask) != 0
    if not inside.any() or not other.any():
        raise ValueError("the registration needs a brain mask that is not empty")
    return inside, other


def mutual_information(sitk: Any, near: Any) -> Any:
    """Return SimpleITK's registration by mutual information in a mask; it lacks an optimizer."""
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)  # sums of several threads differ in the last digit
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricFixedMask(near)
    method.SetInterpolator(sitk.sitkLinear)
    # off the grid: between voxels that coincide, interpolation would be the best of matches
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetOptimizerScalesFromPhysicalShift()
    return method


def centre_of(mask: ArrayLike, affine: ArrayLike) -> NDArray[np.float64]:
    """Return the centre of gravity of a mask in the world, in mm."""
    matrix = np.asarray(affine, dtype=float)
    voxel = np.argwhere(np.asarray(mask)).mean(axis=0)
    return np.asarray(matrix[:3, :3] @ voxel + matrix[:3, 3])


def without_coil(image: ArrayLike, mask: Mask, affine: ArrayLike) -> Float:
    """Return an image over its mean around each voxel, so that the coil's shading is gone.

    Parameters
    ----------
    image : (x, y, z) array_like
        A magnitude.
    mask : (x, y, z) bool array
        The brain; means are taken over it and its rim, and the rest is 0.
    affine : (4, 4) array_like
        Voxel to world, in mm.
    """
    values = np.asarray(image, dtype=np.float32)
    near = with_rim(mask, affine).astype(np.float32)
    sigma = [COIL / size for size in voxel_size(affine)]
    level = ndimage.gaussian_filter(values * near, sigma)
    level /= np.maximum(ndimage.gaussian_filter(near, sigma), np.float32(1e-3))
    level = np.maximum(level, np.float32(0.05 * values[mask].mean(dtype=np.float64)))
    return np.asarray(np.clip(values / level, 0, 4) * near, np.float32)


def with_rim(mask: Mask, affine: ArrayLike) -> Mask:
    """Return a mask with the rim around it in which images are compared too."""
    outside = ndimage.distance_transform_edt(~mask, sampling=voxel_size(affine))
    return np.asarray(outside <= RIM)
