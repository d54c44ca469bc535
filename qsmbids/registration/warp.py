"""A smooth map from one head to another, and images brought along it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qsmbids.array_types import Float
from qsmbids.registration.itk import affine_of, demand_simpleitk, to_array, to_image


@dataclass(frozen=True, eq=False)
class Warp:
    """From the world of a fixed head to that of a moving one: y = matrix (x + displacement(x)).

    Attributes
    ----------
    matrix : (4, 4) float64 array
        Affine, in mm.
    displacement : (x, y, z, 3) float32 array
        In mm along the world's axes; zero outside of its grid.
    affine : (4, 4) float64 array
        Voxel to world of the displacement's grid.
    """

    matrix: NDArray[np.float64]
    displacement: Float
    affine: NDArray[np.float64]

    def in_lps(self) -> Warp:
        """Return the same map between worlds whose first two axes point left and posterior.

        These are the worlds of ITK's files.
        """
        turn = np.diag([-1.0, -1.0, 1.0, 1.0])
        moved = self.displacement * np.array([-1, -1, 1], np.float32)
        return Warp(turn @ self.matrix @ turn, moved, turn @ self.affine)

    def steps(self, sitk: Any) -> list[Any]:
        """Return the map as transforms of SimpleITK, between NIfTI's worlds; the last is first."""
        return [_linear(sitk, self.matrix), sitk.DisplacementFieldTransform(self._field(sitk))]

    def steps_back(self, sitk: Any) -> list[Any]:
        """Return the inverse in the same way."""
        field = sitk.Image(self._back)  # a transform takes its field away
        return [sitk.DisplacementFieldTransform(field), _linear(sitk, np.linalg.inv(self.matrix))]

    @cached_property
    def _back(self) -> Any:
        """The inverse of the displacement, which takes its time."""
        sitk = demand_simpleitk("Maps are brought into a template's space")
        return sitk.InvertDisplacementField(
            self._field(sitk), maximumNumberOfIterations=20, maxErrorToleranceThreshold=0.1
        )

    def _field(self, sitk: Any) -> Any:
        parts = [to_image(sitk, part, self.affine) for part in np.moveaxis(self.displacement, 3, 0)]
        return sitk.Cast(sitk.Compose(parts), sitk.sitkVectorFloat64)

    @classmethod
    def from_itk(cls, sitk: Any, matrix: NDArray[np.float64], field: Any) -> Warp:
        """Return the warp of a matrix and a field of displacements, an image of vectors."""
        parts = [sitk.VectorIndexSelectionCast(field, axis, sitk.sitkFloat32) for axis in range(3)]
        displacement = np.stack([to_array(sitk, part) for part in parts], axis=-1)
        return cls(matrix, displacement, affine_of(field))


def pull(image: ArrayLike, warps: Sequence[Warp], **geometry: Any) -> NDArray[Any]:
    """Return an image of the last head on a grid in the first one's world.

    Parameters
    ----------
    image : (x, y, z) array_like
        Of the head to which the last warp leads.
    warps : sequence of Warp
        From head to head, or template.
    affine, onto : (4, 4) array_like
        Voxel to world of the image and of the new grid.
    shape : (3,) sequence of int
        The new grid.
    order : {0, 1}
        0 takes the nearest voxel, for labels; 1, the default, interpolates linearly. Outside of
        the image is 0.
    """
    sitk = demand_simpleitk("Regions of an atlas are brought to a head")
    steps = [step for warp in reversed(warps) for step in warp.steps(sitk)]
    return _resampled(sitk, image, steps, **geometry)


def push(image: ArrayLike, warps: Sequence[Warp], **geometry: Any) -> NDArray[Any]:
    """Return an image of the first head on a grid in the last one's world.

    Parameters
    ----------
    image : (x, y, z) array_like
        Of the first head.
    warps : sequence of Warp
        From head to head, or template.
    **geometry
        As in `pull`.
    """
    sitk = demand_simpleitk("Maps are brought into a template's space")
    steps = [step for warp in warps for step in warp.steps_back(sitk)]
    return _resampled(sitk, image, steps, **geometry)


def write_transform(path: Path, warps: Sequence[Warp]) -> None:
    """Write a file by which ITK and ANTs bring images of the first head to the last one's grid.

    Parameters
    ----------
    path : Path
        Ends with ``.h5``; whole or absent.
    warps : sequence of Warp
        From head to head, or template.
    """
    sitk = demand_simpleitk("Maps are brought into a template's space")
    steps = [step for warp in warps for step in warp.in_lps().steps_back(sitk)]
    part = path.with_name(f".{os.getpid()}_{path.name}")
    try:
        sitk.WriteTransform(sitk.CompositeTransform(steps), str(part))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _linear(sitk: Any, matrix: NDArray[Any]) -> Any:
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(matrix[:3, :3].ravel().tolist())
    transform.SetTranslation(matrix[:3, 3].tolist())
    return transform


def _resampled(
    sitk: Any,
    image: ArrayLike,
    steps: Sequence[Any],
    *,
    affine: ArrayLike,
    onto: ArrayLike,
    shape: Sequence[int],
    order: int = 1,
) -> NDArray[Any]:
    grid = to_image(sitk, np.zeros(tuple(shape), np.uint8), onto)
    how = sitk.sitkLinear if order else sitk.sitkNearestNeighbor
    moved = to_image(sitk, image, affine)
    found = sitk.Resample(moved, grid, sitk.CompositeTransform(list(steps)), how, 0)
    return np.array(to_array(sitk, found))
