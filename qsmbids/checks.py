"""Checks of the arrays that every stage after the field map takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def check_solver(tolerance: float, iterations: int) -> None:
    """Raise ``ValueError`` unless an iterative solution can begin, and may end."""
    if not tolerance >= 0:
        raise ValueError(f"the tolerance must not be negative, not {tolerance}")
    if iterations < 1:
        raise ValueError(f"at least one iteration is needed, not {iterations}")


def check_field(field: NDArray[Any], mask: NDArray[Any], weight: ArrayLike | None = None) -> None:
    """Raise ``ValueError`` unless field, mask and weight can be worked on together.

    Parameters
    ----------
    field : (x, y, z) array
        Field in any unit.
    mask : (x, y, z) bool array
        Where the field is meant to be valid.
    weight : (x, y, z) array_like, optional
        Confidence in each voxel's field.

    Raises
    ------
    ValueError
        If shapes differ, the mask is empty, the field is zero or not finite in the mask, or
        the weight is negative, not finite or zero everywhere in the mask.
    """
    check_shapes(field, mask, weight)
    if not mask.any():
        raise ValueError("the mask is empty")
    inside = field[mask]
    if not np.isfinite(inside).all():
        raise ValueError("the field holds NaN or infinite values inside the mask")
    if not inside.any():
        raise ValueError("the field is zero everywhere in the mask")
    if weight is not None:
        inside = np.asarray(weight)[mask]
        if not (np.isfinite(inside).all() and inside.min() >= 0 and inside.max() > 0):
            raise ValueError("the weight must be finite, not negative and not zero everywhere")


def check_shapes(field: NDArray[Any], mask: NDArray[Any], weight: ArrayLike | None = None) -> None:
    """Raise ``ValueError`` unless the field has three dimensions, and mask and weight the same.

    Parameters
    ----------
    field, mask, weight
        As in `check_field`.
    """
    if field.ndim != 3:
        raise ValueError(f"the field has {field.ndim} dimensions; three are needed")
    if mask.shape != field.shape:
        raise ValueError(f"the mask's shape {mask.shape} is not the field's {field.shape}")
    if weight is not None and np.shape(weight) != field.shape:
        raise ValueError(f"the weight's shape {np.shape(weight)} is not the field's {field.shape}")


def check_geometry(voxel_size: Sequence[float], b0_dir: Sequence[float]) -> None:
    """Raise ``ValueError`` unless there are three positive lengths and a direction.

    Parameters
    ----------
    voxel_size : (3,) sequence of float
        Edge lengths in mm.
    b0_dir : (3,) sequence of float
        B0 along the voxel axes, of any length but zero.
    """
    size = np.asarray(voxel_size, dtype=float)
    if size.shape != (3,) or not np.isfinite(size).all() or (size <= 0).any():
        raise ValueError(f"the voxel size {tuple(voxel_size)} is not three positive lengths in mm")
    b0 = np.asarray(b0_dir, dtype=float)
    if b0.shape != (3,) or not np.isfinite(b0).all() or not b0.any():
        raise ValueError(f"the B0 direction {tuple(b0_dir)} is not a vector of three numbers")
