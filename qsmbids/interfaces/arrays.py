"""Arrays in the work directory and images in the datasets."""

from __future__ import annotations

import gzip
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qsmbids.bids.check import UNREADABLE
from qsmbids.bids.grid import Grid, check_same_grid, placement_of
from qsmbids.errors import InputError
from qsmbids.physics.geometry import Placement

_CHUNK = 1 << 22
_MOST_BEHIND = 1 << 24  # bytes behind the voxels
_LARGEST = 1e12
"""No scanner writes such values; their squares and sums still fit into float32."""


def save(folder: str | Path, name: str, array: NDArray[Any]) -> str:
    """Save an array under a name that tells its content, and return the path.

    The next stage's hash then follows from the path alone: nobody reads a large file to learn
    whether it has changed, and a stage that is run anew with the same result leaves all that
    depends on it as it is. The file is whole, or not there.
    """
    array = np.ascontiguousarray(array)
    path = Path(folder) / f"{name}-{_digest(array, [array.data.cast('B')])}.npy"
    with _whole(path) as stream:
        np.save(stream, array)
    return str(path)


def load(path: str | Path) -> NDArray[Any]:
    """Return a saved array, mapped from the disk, once it is known to be what was saved.

    Raises
    ------
    InputError
        If it is missing, or not what its name tells.
    """
    path = Path(path)
    try:
        status = path.stat()
        array: NDArray[Any] = np.load(path, mmap_mode="r")
        seen = (status.st_ino, status.st_size, status.st_mtime_ns)
        if _sound.get(path) != seen:
            with path.open("rb") as stream:  # not the map, whose pages would stay in memory
                stream.seek(array.offset)  # type: ignore[attr-defined]
                found = _digest(array, iter(lambda: stream.read(_CHUNK), b""))
            if not path.stem.endswith(f"-{found}"):
                raise ValueError
            _sound[path] = seen
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{path.name} in the work directory is damaged or missing; run the same command "
            "again, which computes it anew."
        ) from error
    return array


_sound: dict[Path, tuple[int, int, int]] = {}  # what this process has compared already


def _digest(array: NDArray[Any], blocks: Iterable[bytes | memoryview]) -> str:
    """Return a digest of an array's type, shape and bytes."""
    found = blake2b(f"{array.dtype.str} {array.shape}".encode(), digest_size=8)
    for block in blocks:
        found.update(block)
    return found.hexdigest()


@cache
def _mode() -> int:
    """Return the mode of new files that the user's umask leaves; `mkstemp` asks none."""
    mask = os.umask(0o022)
    os.umask(mask)
    return 0o666 & ~mask


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """Write a file that is there as a whole, also after a loss of power, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(_mode())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


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
    import nibabel as nib

    opener: Any = gzip.open if path.suffix == ".gz" else open
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise InputError(f"{path.name} is a folder, pipe or device, no image file.")
    try:
        with opener(path, "rb") as stream:
            header: Any = nib.load(path)
            size = math.prod(header.shape) * header.get_data_dtype().itemsize
            content = stream.read(int(header.dataobj.offset) + size)
            # Read to the end of the stream, so that its checksum is compared.
            behind = 0
            while block := stream.read(_CHUNK):
                behind += len(block)
                if behind > _MOST_BEHIND:
                    raise ValueError("much more data than its header tells")
        image = type(header).from_bytes(content)
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
    # No time and no name in the header; level 1 costs 5 % more space, a third of the time.
    with _whole(path) as raw, gzip.GzipFile("", "wb", 1, raw, mtime=0) as stream:
        content = memoryview(image.to_bytes())
        for start in range(0, len(content), _CHUNK):
            stream.write(content[start : start + _CHUNK])
