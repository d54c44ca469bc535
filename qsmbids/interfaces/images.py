"""Images in the datasets: reading them whole and checked, and writing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from isal import igzip
from numpy.typing import ArrayLike, NDArray

from qsmbids.bids.check import UNREADABLE
from qsmbids.bids.grid import Grid, check_same_grid, placement_of
from qsmbids.bids.unpacked import load_whole
from qsmbids.errors import InputError
from qsmbids.files import whole_file
from qsmbids.interfaces.axis_order import make_grid, upright_grid, with_b0
from qsmbids.physics.placement import Placement

RATES = {"Hz": 1.0, "rad/s": 2 * np.pi}
"""Units of a field that is no susceptibility, and what of each makes a turn in a second."""

_CHUNK = 1 << 22
_LARGEST = 1e12
"""No scanner writes such values; their squares and sums still fit into float32."""


def read_image(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the voxels (x, y, z) of a NIfTI file and its affine.

    Raises
    ------
    InputError
        If the file is damaged, not three-dimensional, or holds values that are no numbers.
    """
    data, affine = _read(path)
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    if data.ndim != 3 or min(data.shape) < 2:
        raise InputError(
            f"{path.name} has the shape {data.shape}; a three-dimensional image is needed."
        )
    return data, affine


def read_echoes(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the voxels (echo, x, y, z) of a NIfTI file (x, y, z[, echo]) and its affine.

    Raises
    ------
    InputError
        If the file is damaged, has not three or four dimensions, or holds values that are no
        numbers.
    """
    data, affine = _read(path)
    if data.ndim not in (3, 4) or min(data.shape[:3]) < 2:
        raise InputError(
            f"{path.name} has the shape {data.shape}; a volume, or one for each echo along the "
            "fourth axis, is needed."
        )
    return np.moveaxis(data.reshape(*data.shape[:3], -1), 3, 0), affine


def _read(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise InputError(f"{path.name} is a folder, pipe or device, no image file.")
    try:
        image = load_whole(path)
        data = np.asarray(image.dataobj, dtype=np.float32)
        affine = placement_of(image).affine
    except FileNotFoundError:
        raise InputError(f"{path.name} does not exist.") from None
    except UNREADABLE as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(
            f"{path.name} is damaged or truncated ({reason}); copy or convert it again."
        ) from error
    if not np.isfinite(data).all():
        raise InputError(f"{path.name} holds NaN or infinite values; convert it again.")
    largest = max(data.max(initial=0), -data.min(initial=0))
    if largest > _LARGEST:
        raise InputError(
            f"{path.name} holds values of up to {largest:.3g}, which nothing that is measured has; "
            "check the slope in its header (scl_slope), or convert it again."
        )
    return data, affine


def read_on_grid(path: Path, grid: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return the voxels of an image that must lie on a series' grid."""
    data, affine = read_image(path)
    check_grid(path, data.shape, affine, grid)
    return data


def read_labels(path: Path) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return the labels (x, y, z) of a NIfTI or MGH file and its affine.

    Raises
    ------
    InputError
        If the file is damaged, not three-dimensional, or holds other numbers than whole ones.
    """
    import nibabel as nib

    try:
        image: Any = nib.load(path)
        values, affine = np.asarray(image.dataobj), np.asarray(image.affine, dtype=np.float64)
    except (*UNREADABLE, FileNotFoundError) as error:
        raise InputError(f"{path.name} is damaged, or no image; copy it again.") from error
    values = values[..., 0] if values.ndim == 4 and values.shape[3] == 1 else values
    with np.errstate(invalid="ignore"):
        labels = values.astype(np.int32)
    if labels.ndim != 3 or not np.array_equal(labels, values):
        raise InputError(f"{path.name} is no image of labels: one volume of whole numbers.")
    return labels, affine


def check_grid(
    path: Path, shape: Sequence[int], affine: NDArray[np.float64], grid: Mapping[str, Any]
) -> None:
    """Raise `InputError` unless an image's shape and affine are those of ``grid``."""
    other = Grid(grid["file"], tuple(grid["shape"]), np.asarray(grid["affine"]), oriented=True)
    own = Grid(path.name, tuple(shape), np.asarray(affine), oriented=True)
    check_same_grid(own, other, "resample it to that image")


def read_placement(path: Path) -> Placement:
    """Return where a NIfTI file's header places it."""
    import nibabel as nib

    return placement_of(nib.load(path))


def placed(
    path: Path, shape: tuple[int, ...], affine: NDArray[np.float64]
) -> tuple[dict[str, Any], str, list[str]]:
    """Return the upright grid of an image, what was chosen from its header, and doubts."""
    placement = read_placement(path)
    grid = upright_grid(make_grid(path, shape, affine))
    if placement.b0_dir is not None:
        grid = with_b0(grid, placement.b0_dir, stated=False)
    return grid, placement.rule, list(placement.warnings)


def write_image(path: Path, array: NDArray[Any], affine: ArrayLike) -> None:
    """Write a compressed NIfTI file: the same bytes for the same voxels, the whole or none.

    Raises
    ------
    InputError
        If a value is NaN or infinite: then nothing is written.
    """
    import nibabel as nib

    with np.errstate(over="ignore"):
        kind = np.uint8 if array.dtype == bool else np.float32
        array = array.astype(kind, copy=False)
    if not np.isfinite(array).all():
        raise InputError(
            f"{path.name} would hold NaN or infinite values, so it is not written; look for what "
            "is out of range: the options of the method, its weights file, the values of the input."
        )
    image = nib.Nifti1Image(array, np.asarray(affine))
    image.set_sform(image.affine, 1)
    image.set_qform(image.affine, 1)
    image.header.set_xyzt_units("mm")
    # No time and no name in the header.
    with whole_file(path) as raw, igzip.IGzipFile("", "wb", 1, raw, mtime=0) as stream:
        content = memoryview(image.to_bytes())
        for start in range(0, len(content), _CHUNK):
            stream.write(content[start : start + _CHUNK])
