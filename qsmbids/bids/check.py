"""Is an image fit to be used? Told from its header, without reading its voxels."""

from __future__ import annotations

import gzip
import math
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import nibabel as nib
import numpy as np
from isal import igzip, isal_zlib
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, HeaderTypeError, ImageDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from qsmbids.bids.grid import Grid, by, placement_of
from qsmbids.errors import InputError
from qsmbids.physics.geometry import b0_direction

UNREADABLE = (
    *(ImageFileError, ImageDataError, HeaderDataError, HeaderTypeError, WrapStructError),
    *(OSError, EOFError, ValueError, zlib.error),
    cast(type[Exception], isal_zlib.error),  # whose stubs make it an instance
    *(OverflowError, MemoryError),  # an offset that is infinite, dimensions that are forged
)
"""What reading a file that is damaged, forged or no image may raise."""
_VOXELS_AT = 352  # in a NIfTI-1 file: behind the header, and the word that there is no more
_AGAIN = "export or copy it again"
_MOST_PACKED = 1040  # bytes that gzip's method can make of one, and a little more


def read_grid(path: Path, name: str, echoes: int | None = None) -> Grid:
    """Read and check an image's header.

    Parameters
    ----------
    path : Path
        The NIfTI file.
    name : str
        What to call it in an error.
    echoes : int, optional
        How many echo times are stated for it, and volumes it must hold; one volume by default.

    Raises
    ------
    InputError
        If the file is missing, empty, truncated or no NIfTI, or holds another number of
        three-dimensional real volumes, or none on a grid with right angles.
    """
    _check_file(path, name)
    try:
        image = _header(path)
        shape, kind = image.shape, image.get_data_dtype().kind
    except UNREADABLE as error:
        raise InputError(
            f"{name} cannot be read as NIfTI: it is truncated, damaged or no image; {_AGAIN}."
        ) from error
    _check_shape(shape, name, echoes)
    if kind not in "iufb":
        raise InputError(
            f"{name} holds complex or colour values; write magnitude and phase (or real and "
            "imaginary part) as two files."
        )
    affine = _checked_affine(image, name)
    expected = int(image.dataobj.offset) + math.prod(shape) * image.get_data_dtype().itemsize
    if not _has_bytes(path, expected):
        raise InputError(f"{name} is truncated or damaged; {_AGAIN}.")
    codes = (int(image.header["sform_code"]), int(image.header["qform_code"]))
    return Grid(name, tuple(int(n) for n in shape[:3]), affine, oriented=any(codes))


def _header(path: Path) -> Any:
    """Return a file's image, to look at its header: `nibabel.load` would read and check it twice.

    Its voxels are not there, unless it is of another kind than nearly all are.
    """
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as stream:
        block = stream.read(_VOXELS_AT)
    if nib.Nifti1Header.may_contain_header(block) and not any(block[nib.Nifti1Header.sizeof_hdr :]):
        return nib.Nifti1Image.from_stream(BytesIO(block))
    return nib.load(path)


def _check_file(path: Path, name: str) -> None:
    if path.is_symlink() and not path.exists():
        raise InputError(
            f"{name} is a link to a file that is not there; fetch its content first "
            "(datalad get, git annex get)."
        )
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise InputError(f"{name} is a folder, pipe or device, no image file; {_AGAIN}.")
    try:
        with path.open("rb") as stream:
            magic = stream.read(2)
    except OSError as error:
        raise InputError(
            f"{name} cannot be read ({error.strerror}); allow it to be read."
        ) from error
    if not magic:
        raise InputError(f"{name} is empty (0 bytes); {_AGAIN}.")
    if path.suffix == ".gz" and magic != b"\x1f\x8b":
        raise InputError(
            f"{name} is no gzip file though its name ends in .gz; compress it, or {_AGAIN}."
        )


def _check_shape(shape: tuple[int, ...], name: str, echoes: int | None) -> None:
    """Refuse an image that is no volume, or not one for each echo."""
    if len(shape) < 3 or min(shape[:3]) < 2:
        raise InputError(
            f"{name} is no 3D volume ({by(shape)}); susceptibility mapping needs one, "
            "so export all slices into one file."
        )
    if math.prod(shape[4:]) > 1:
        raise InputError(
            f"{name} is {len(shape)}D ({by(shape)}), as images of single receive coils or "
            "repetitions are; combine these, and write one 3D file an echo."
        )
    volumes = math.prod(shape[3:])
    if volumes == (echoes or 1):
        return
    if echoes is None:
        raise InputError(f"{name} is 4D ({by(shape)}); one 3D volume is needed: split it.")
    stated = "one time" if echoes == 1 else f"{echoes} times"
    raise InputError(
        f"{name} holds {volumes} volume{'s' * (volumes > 1)} ({by(shape)}) but EchoTime "
        f"states {stated}; if the volumes are echoes, list the time of each in EchoTime, and if "
        "they are receive coils or repetitions, combine these first."
    )


def _checked_affine(image: Any, name: str) -> NDArray[np.float64]:
    """Return the affine in mm."""
    columns = np.linalg.norm(image.affine[:3, :3], axis=0)
    if not np.isfinite(image.affine).all() or columns.min() <= 0:
        raise InputError(f"{name} has no usable affine (voxel size and orientation); {_AGAIN}.")
    try:
        b0_direction(image.affine)
    except ValueError as error:
        raise InputError(
            f"{name} cannot be used, since {error}; resample it to a grid with right angles."
        ) from error
    try:
        return placement_of(image).affine
    except ValueError as error:
        raise InputError(f"{name} cannot be used: {error}.") from error


def _has_bytes(path: Path, expected: int) -> bool:
    """Tell whether a file holds as many bytes as its header promises.

    The last four bytes of a gzip file are its length unpacked: those of a truncated file hold
    anything. A file of several members (bgzip) has only the last one's, so it is read through.
    """
    size = path.stat().st_size
    if path.suffix != ".gz":
        return size >= expected
    if expected > _MOST_PACKED * size:  # dimensions that are forged
        return False
    with path.open("rb") as stream:
        stream.seek(-4, 2)
        if int.from_bytes(stream.read(4), "little") == expected % (1 << 32):
            return True
    try:
        length = 0
        with igzip.open(path) as unpacked:
            while length < expected and (block := unpacked.read(1 << 20)):
                length += len(block)
    except UNREADABLE:
        return False
    return length >= expected
