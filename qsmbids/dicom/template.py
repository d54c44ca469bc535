"""The DICOM study that exported images join: its headers, and whether they are of this head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qsmbids.errors import InputError

if TYPE_CHECKING:
    from pydicom import Dataset

_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_MATCH = 0.1
"""How far, in voxels, a slice of the template may lie from one of the image."""


@dataclass(frozen=True)
class _Plane:
    """Where a slice lies: its first voxel's centre in mm, and the axes along rows and columns."""

    position: NDArray[np.float64]
    axes: NDArray[np.float64]


def read_template(path: Path, shape: tuple[int, ...], affine: NDArray[np.float64]) -> Dataset:
    """Return the header of a DICOM file one of whose slices is one of an image's.

    Parameters
    ----------
    path : Path
        A DICOM file of the study, or a folder that holds such files.
    shape : (3,) tuple of int
        Of the image.
    affine : (4, 4) array
        Voxels to mm, as NIfTI has it.

    Returns
    -------
    Dataset
        Without pixels.

    Raises
    ------
    InputError
        If there is no DICOM image, or none with a slice of the image: it is another study's, or
        the image was moved or resampled.
    """
    headers = list(_headers(path))
    if not headers:
        raise InputError(
            f"--dicom-template {path} holds no DICOM image; name a file or folder of the gradient "
            "echo that the participant's images were converted from."
        )
    for header in headers:
        if any(_is_slice(plane, shape, affine) for plane in _planes(header)):
            return header
    raise InputError(
        f"--dicom-template {path}: none of its {len(headers)} images has a slice where this one "
        "has; name the DICOM of the gradient echo itself. If it is that, the image was moved or "
        "resampled after the conversion, and cannot join the study."
    )


def _headers(path: Path) -> Iterator[Dataset]:
    """Yield the headers of the DICOM images at a path, in the order of their names."""
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if not file.is_file():
            continue
        try:
            header = dcmread(file, stop_before_pixels=True)
        except (InvalidDicomError, OSError, EOFError, ValueError, AttributeError):
            continue  # a folder of a study holds other files too
        if header.get("Modality") == "MR" and header.get("StudyInstanceUID"):
            yield header


def _planes(header: Dataset) -> Iterator[_Plane]:
    """Yield the slices of an image of one frame or of many."""
    shared = header.get("SharedFunctionalGroupsSequence") or [header]
    for frame in header.get("PerFrameFunctionalGroupsSequence") or [header]:
        position = _within(frame, "PlanePositionSequence", "ImagePositionPatient")
        axes = _within(frame, "PlaneOrientationSequence", "ImageOrientationPatient")
        axes = axes or _within(shared[0], "PlaneOrientationSequence", "ImageOrientationPatient")
        if position and axes:
            yield _Plane(np.array(position, float), np.array(axes, float).reshape(2, 3))


def _within(group: Any, sequence: str, name: str) -> Any:
    """Return a value of a header, or of the one item of a sequence in it."""
    if name in group:
        return group[name].value
    items = group.get(sequence)
    return items[0].get(name) if items else None


def _is_slice(plane: _Plane, shape: tuple[int, ...], affine: NDArray[np.float64]) -> bool:
    """Tell whether a plane is a slice of a grid, whichever way its rows and columns run."""
    lps = _TO_LPS @ affine
    units = lps[:3, :3] / np.linalg.norm(lps[:3, :3], axis=0)
    along = np.abs(plane.axes @ units)
    index = np.linalg.solve(lps, [*plane.position, 1.0])[:3]
    nearest = np.clip(np.round(index), 0, np.array(shape) - 1)
    return bool(along.max(axis=1).min() > 0.999 and np.abs(index - nearest).max() < _MATCH)
