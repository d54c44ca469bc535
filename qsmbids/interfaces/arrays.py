"""Arrays in the work directory, whose names tell their content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qsmbids.errors import InputError
from qsmbids.files import whole_file
from qsmbids.physics.slabs import side_by_side

_CHUNK = 1 << 22


def save(folder: str | Path, name: str, array: NDArray[Any]) -> str:
    """Save an array under a name that tells its content, and return the path.

    The next stage's hash then follows from the path alone: nobody reads a large file to learn
    whether it has changed, and a stage that is run anew with the same result leaves all that
    depends on it as it is. The file is whole, or not there; what a loss of power makes of it
    `load` notices by the name, so the disk is not waited for.
    """
    array = np.ascontiguousarray(array)
    path = Path(folder) / f"{name}-{_digest(array, [array.data.cast('B')])}.npy"
    with whole_file(path, lasting=False) as stream:
        np.save(stream, array)
    return str(path)


def save_all(folder: str | Path, images: Mapping[str, NDArray[Any]]) -> dict[str, str]:
    """Save arrays by name, as many at a time as transforms have threads; return their paths."""
    paths = side_by_side([partial(save, folder, *item) for item in images.items()])
    return dict(zip(images, paths, strict=True))


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
    # processors since about 2019 have instructions for it: twice as fast as BLAKE2 there
    found = sha256(f"{array.dtype.str} {array.shape}".encode())
    for block in blocks:
        found.update(block)
    return found.hexdigest()[:16]
