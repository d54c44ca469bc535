"""Rigid registration of two magnitudes by mutual information."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qsmbids.physics import voxel_size
from qsmbids.registration import comparison
from qsmbids.registration.itk import at_spacing, demand_simpleitk, matrix_of, to_image

LEVELS = (6.0, 3.0, 2.0)
"""Spacings in mm at which the images are compared, one after the other."""
ROTATIONS = (-25.0, 0.0, 25.0)
"""Rotations in degrees about each axis from which the search may start."""


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
    inside, other = comparison.both_brains(fixed_mask, moving_mask)
    still = to_image(sitk, comparison.without_coil(fixed, inside, fixed_affine), fixed_affine)
    moved = to_image(sitk, comparison.without_coil(moving, other, moving_affine), moving_affine)
    transform = sitk.Euler3DTransform()
    centre = comparison.centre_of(inside, fixed_affine)
    transform.SetCenter(centre.tolist())
    transform.SetTranslation((comparison.centre_of(other, moving_affine) - centre).tolist())
    near = comparison.with_rim(inside, fixed_affine)
    volume = float(near.sum() * np.prod(voxel_size(fixed_affine)))
    method = comparison.mutual_information(sitk, to_image(sitk, near, fixed_affine))
    # without derivatives, whose errors stop the others a millimetre off
    method.SetOptimizerAsPowell(10, 30, 1.0, 1e-3, 1e-5)
    try:
        for spacing in LEVELS:
            pair = [at_spacing(sitk, image, spacing) for image in (still, moved)]
            if spacing == LEVELS[0]:
                _rotate_to_best(method, transform, *pair)
            share = min(1.0, comparison.SAMPLES * np.prod(pair[0].GetSpacing()) / volume)
            method.SetMetricSamplingPercentage(float(share), comparison.SEED)
            method.SetInitialTransform(transform, True)
            method.Execute(*pair)
    except RuntimeError as error:
        raise ValueError(
            "the head could not be registered: the images hardly overlap, or hold no head"
        ) from error
    return Rigid(matrix_of(transform), -float(method.GetMetricValue()))


def _rotate_to_best(method: Any, transform: Any, fixed: Any, moving: Any) -> None:
    """Set the rotation among those to start from at which the images are most alike."""
    metric: dict[tuple[float, ...], float] = {}
    for angles in product(np.radians(ROTATIONS).tolist(), repeat=3):
        transform.SetRotation(*angles)
        method.SetInitialTransform(transform, False)
        metric[angles] = method.MetricEvaluate(fixed, moving)
    transform.SetRotation(*min(metric, key=lambda angles: metric[angles]))
