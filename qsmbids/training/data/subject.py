"""One subject that a training learns from: a local field in a file."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from qsmbids.array_types import Float, Mask
from qsmbids.checks import check_field, check_geometry
from qsmbids.errors import InputError
from qsmbids.files import whole_file
from qsmbids.physics import forward_field


@dataclass(frozen=True, eq=False)
class Subject:
    """One local field.

    Attributes
    ----------
    field : (x, y, z) float32 array
        In ppm, zero outside the mask.
    mask : (x, y, z) bool array
        Where the field is valid; it reaches every face of the grid.
    weight : (x, y, z) float32 array
        Confidence, 0 to 1, zero outside the mask.
    voxel_size, b0_dir : (3,) tuple of float
        Edge lengths in mm; B0 along the voxel axes.
    chi : (x, y, z) float32 array or None
        Susceptibility in ppm where it is known, from several orientations or a simulation.
    """

    field: Float
    mask: Mask
    weight: Float
    voxel_size: tuple[float, ...]
    b0_dir: tuple[float, ...]
    chi: Float | None = None


def save_subject(
    folder: Path,
    name: str,
    field: ArrayLike | None,
    mask: ArrayLike,
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
    weight: ArrayLike | None = None,
    chi: ArrayLike | None = None,
) -> Path:
    """Add a local field to a store, cut to its mask's bounding box.

    Parameters
    ----------
    folder : Path
        The store; made if it is not there.
    name : str
        Of letters, digits, hyphens and underscores: ``sub-01_run-2``.
    field : (x, y, z) array_like or None
        Local field in ppm; None for that of ``chi``, which must then be given.
    mask : (x, y, z) array_like
        Where it is valid.
    voxel_size, b0_dir : (3,) sequence of float
        Edge lengths in mm; B0 along the voxel axes.
    weight : (x, y, z) array_like, optional
        Confidence; the largest value counts as 1, and the same everywhere is the default.
    chi : (x, y, z) array_like, optional
        Susceptibility in ppm.

    Returns
    -------
    Path
        ``<folder>/<name>.npz``.

    Raises
    ------
    InputError
        If the name or an array cannot be used.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise InputError(f"The subject's name {name!r} must be of letters, digits, - and _ only.")
    path = folder / f"{name}.npz"
    inside = np.asarray(mask, bool)
    if field is None:
        field = _field_of(path, chi, inside, voxel_size, b0_dir)
    values = {
        "field": np.asarray(field, np.float32),
        "weight": np.asarray(inside if weight is None else weight, np.float32),
    }
    if chi is not None:
        values["chi"] = np.asarray(chi, np.float32)
    _check(path, {**values, "mask": inside, "voxel_size": voxel_size, "b0_dir": b0_dir})
    values["weight"] = values["weight"] / values["weight"][inside].max()
    box = ndimage.find_objects(inside.astype(np.uint8))[0]
    arrays = {key: np.where(inside, image, 0)[box] for key, image in values.items()}
    with whole_file(path) as stream:
        np.savez(
            stream,
            mask=inside[box],
            voxel_size=np.asarray(voxel_size, float),
            b0_dir=np.asarray(b0_dir, float),
            **arrays,
        )
    return path


def _field_of(
    path: Path,
    chi: ArrayLike | None,
    mask: Mask,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
) -> Float:
    """Return the field of a susceptibility map alone, as a perfect background removal leaves it."""
    if chi is None:
        raise InputError(f"{path}: neither a field nor chi is given; give one of them.")
    try:
        check_geometry(voxel_size, b0_dir)
        return forward_field(np.where(mask, chi, 0), voxel_size, b0_dir)
    except ValueError as error:
        raise InputError(f"{path}: {error}; leave this subject out or repair it.") from error


def read_subject(path: Path) -> Subject:
    """Return a subject that `save_subject` has written; raise `InputError` if it is none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged or no subject of a store; write it again.") from error
    _check(path, arrays)
    voxel_size, b0_dir = (tuple(arrays.pop(key).tolist()) for key in ("voxel_size", "b0_dir"))
    return Subject(**arrays, voxel_size=voxel_size, b0_dir=b0_dir)


def _check(path: Path, arrays: dict[str, Any]) -> None:
    """Raise `InputError`, with the file's name, unless the arrays make a subject."""
    needed = {"field", "mask", "weight", "voxel_size", "b0_dir"}
    if missing := sorted(needed - set(arrays)) or sorted(set(arrays) - needed - {"chi"}):
        raise InputError(f"{path} is no subject of a store: wrong or missing {missing[0]!r}.")
    if np.asarray(arrays["mask"]).dtype != bool:
        raise InputError(f"{path}: the mask is not of the type bool; write the subject again.")
    try:
        check_field(arrays["field"], arrays["mask"], arrays["weight"])
        check_geometry(arrays["voxel_size"], arrays["b0_dir"])
    except ValueError as error:
        raise InputError(f"{path}: {error}; leave this subject out or repair it.") from error
    chi = arrays.get("chi")
    if chi is None:
        return
    if chi.shape != arrays["field"].shape:
        raise InputError(f"{path}: chi has the shape {chi.shape}, the field another; resample it.")
    if not np.isfinite(chi[arrays["mask"]]).all():
        raise InputError(f"{path}: chi holds NaN or infinite values inside the mask; repair it.")
