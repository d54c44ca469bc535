"""Rigid registration of two magnitudes by mutual information."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from qsmbids.physics import voxel_size
from qsmbids.registration.itk import at_spacing, demand_simpleitk, matrix_of, to_image

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]

BINS = 40
LEVELS = (6.0, 3.0, 2.0)
"""Spacings in mm at which the images are compared, one after the other."""
ROTATIONS = (-25.0, 0.0, 25.0)
"""Rotations in degrees about each axis from which the search may start."""
RIM = 5.0
"""How far around the brain the images are compared, in mm."""
COIL = 15.0
"""Standard deviation in mm of the mean that takes the coil's sensitivity out of a magnitude."""
SAMPLES, SEED = 40_000, 1


@dataclass(frozen=True, eq=False)
class Rigid:
    """A rigid motion from the world of a fixed image to that of a moving one.

    Parameters
    ----------
    matrix : (4, 4) float64 array
        Takes a point of the fixed image's world in mm to the same place of the head in the
        moving image's world.
    information : float
        Mutual information of the images once registered, in nats; 0 for none.
    """

    matrix: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))
    information: float = 0.0

    @cached_property
    def angle(self) -> float:
        """The angle of the rotation in degrees."""
        rotation = self.matrix[:3, :3]
        skew = rotation - rotation.T
        sine = np.linalg.norm([skew[2, 1], skew[0, 2], skew[1, 0]])
        return float(np.degrees(np.arctan2(sine, np.trace(rotation) - 1)))


def register(
    fixed: ArrayLike,
    moving: ArrayLike,
    *,
    fixed_affine: ArrayLike,
    moving_affine: ArrayLike,
    fixed_mask: ArrayLike,
    moving_mask: ArrayLike,
) -> Rigid:
    """Return the rigid motion that brings ``moving`` onto ``fixed``.

    The search starts where the masks' centres meet, from the best of a few rotations, and goes
    through three levels of resolution; it compares the images in and close around the fixed
    mask, where the head is rigid, and without the sensitivity of the coil, in which the head
    turns.

    Parameters
    ----------
    fixed, moving : (x, y, z) array_like
        Magnitudes of the same contrast.
    fixed_affine, moving_affine : (4, 4) array_like
        Voxel to world in mm.
    fixed_mask, moving_mask : (x, y, z) array_like
        The brain in each.

    Returns
    -------
    Rigid
        The same for the same input, whatever the number of processors.

    Raises
    ------
    UsageError
        If SimpleITK is not installed.
    ValueError
        If a mask is empty, or nothing could be registered.

    References
    ----------
    Mattes et al., IEEE Trans Med Imaging 22:120 (2003); Lowekamp et al., Front Neuroinform 7:45
    (2013), for SimpleITK.
    """
    sitk = demand_simpleitk()
    inside, other = np.asarray(fixed_mask) != 0, np.asarray(moving_mask) != 0
    if not inside.any() or not other.any():
        raise ValueError("the registration needs a brain mask that is not empty")
    still = to_image(sitk, without_coil(fixed, inside, fixed_affine), fixed_affine)
    moved = to_image(sitk, without_coil(moving, other, moving_affine), moving_affine)
    transform = sitk.Euler3DTransform()
    centre = centre_of(inside, fixed_affine)
    transform.SetCenter(centre.tolist())
    transform.SetTranslation((centre_of(other, moving_affine) - centre).tolist())
    near = with_rim(inside, fixed_affine)
    volume = float(near.sum() * np.prod(voxel_size(fixed_affine)))
    method = _method(sitk, to_image(sitk, near, fixed_affine))
    try:
        for spacing in LEVELS:
            pair = [at_spacing(sitk, image, spacing) for image in (still, moved)]
            if spacing == LEVELS[0]:
                _rotate_to_best(method, transform, *pair)
            share = min(1.0, SAMPLES * np.prod(pair[0].GetSpacing()) / volume)
            method.SetMetricSamplingPercentage(float(share), SEED)
            method.SetInitialTransform(transform, True)
            method.Execute(*pair)
    except RuntimeError as error:
        raise ValueError(
            "the head could not be registered: the images hardly overlap, or hold no head"
        ) from error
    return Rigid(matrix_of(transform), -float(method.GetMetricValue()))


def _method(sitk: Any, near: Any) -> Any:
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)  # sums of several threads differ in the last digit
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricFixedMask(near)
    method.SetInterpolator(sitk.sitkLinear)
    # off the grid: between voxels that coincide, interpolation would be the best of matches
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetOptimizerScalesFromPhysicalShift()
    # without derivatives, whose errors stop the others a millimetre off
    method.SetOptimizerAsPowell(10, 30, 1.0, 1e-3, 1e-5)
    return method


def _rotate_to_best(method: Any, transform: Any, fixed: Any, moving: Any) -> None:
    """Set the rotation among those to start from at which the images are most alike."""
    metric: dict[tuple[float, ...], float] = {}
    for angles in product(np.radians(ROTATIONS).tolist(), repeat=3):
        transform.SetRotation(*angles)
        method.SetInitialTransform(transform, False)
        metric[angles] = method.MetricEvaluate(fixed, moving)
    transform.SetRotation(*min(metric, key=lambda angles: metric[angles]))


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
