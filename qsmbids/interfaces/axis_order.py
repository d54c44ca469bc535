"""Axis order: all stages see a head the same way round, however its voxels were stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_UPRIGHT = np.array([[0, 1], [1, 1], [2, 1]])
"""Axes from left to right, from back to front, from feet to head."""


def make_grid(path: Path, shape: Sequence[int], affine: NDArray[np.float64]) -> dict[str, Any]:
    """Return the geometry of a series as plain values."""
    from qsmbids.physics import b0_direction, voxel_size

    return {
        "file": path.name,
        "shape": [int(n) for n in shape],
        "affine": affine.tolist(),
        "voxel_size": list(voxel_size(affine)),
        "b0_dir": list(b0_direction(affine)),
    }


def upright_grid(grid: Mapping[str, Any]) -> dict[str, Any]:
    """Return the geometry of a grid whose axes were turned upright, without resampling.

    A difference forward is not one backward: the same head stored in another order would give a
    slightly different map. The images are therefore turned on reading, and back on writing.

    Parameters
    ----------
    grid : mapping
        As `make_grid` returns it.

    Returns
    -------
    dict
        The same of the turned images, with ``stored``: ``grid`` itself, and ``turn``: for each
        stored axis the upright one, and 1 or -1.
    """
    from nibabel.orientations import inv_ornt_aff, io_orientation

    from qsmbids.physics import b0_direction, voxel_size

    stored = np.asarray(grid["affine"])
    turn = io_orientation(stored)
    affine = stored @ inv_ornt_aff(turn, grid["shape"])
    shape = [length for _, length in sorted(zip(turn[:, 0], grid["shape"], strict=True))]
    return {
        "file": grid["file"],
        "shape": shape,
        "affine": affine.tolist(),
        "voxel_size": list(voxel_size(affine)),
        "b0_dir": list(b0_direction(affine)),
        "stored": dict(grid),
        "turn": turn.astype(int).tolist(),
    }


def with_b0(
    grid: Mapping[str, Any], b0_dir: Sequence[float], *, stated: bool = True
) -> dict[str, Any]:
    """Return an upright grid in which B0 points along ``b0_dir`` instead of as its affine tells.

    Parameters
    ----------
    grid : mapping
        As `upright_grid` returns it.
    b0_dir : (3,) sequence of float
        Along the stored voxel axes.
    stated : bool
        Whether a sidecar says so, of a head that was brought onto another position's grid.
    """
    upright = [0.0] * 3
    for (axis, sign), component in zip(grid["turn"], b0_dir, strict=True):
        upright[axis] = sign * component
    stored = {**grid["stored"], "b0_dir": list(b0_dir)}
    return {**grid, "b0_dir": upright, "b0_stated": stated, "stored": stored}


def turn_upright(image: NDArray[Any], grid: Mapping[str, Any]) -> NDArray[Any]:
    """Return a view of a stored image (x, y, z) on the upright ``grid``."""
    from nibabel.orientations import apply_orientation

    return np.asarray(apply_orientation(image, np.array(grid["turn"])))


def turn_back(image: NDArray[Any], grid: Mapping[str, Any]) -> NDArray[Any]:
    """Return a view of an image on the upright ``grid`` as it is to be stored."""
    from nibabel.orientations import apply_orientation, ornt_transform

    return np.asarray(apply_orientation(image, ornt_transform(_UPRIGHT, np.array(grid["turn"]))))
