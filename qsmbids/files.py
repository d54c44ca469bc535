"""Files that are there as a whole or not at all, and folders that are nobody else's."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from glob import escape
from pathlib import Path
from typing import Any, BinaryIO

from qsmbids.errors import InputError

_PART = ".part"
_SHOWN = 100  # bytes of a file's name in that of its part
_LARGEST_JSON = 64 << 20


@contextmanager
def whole_file(path: Path, *, lasting: bool = True) -> Iterator[BinaryIO]:
    """Write a file that is there as a whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    lasting : bool
        Also after a loss of power: the disk is waited for, which takes longer than writing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(_PART, _part_of(path.name), path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            if lasting:
                os.fsync(stream.fileno())
        Path(temporary).chmod(_mode())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no file but a folder, pipe or device, larger than 64 MiB, or no JSON that can be
        read; the text says why.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise ValueError("a folder, pipe or device, no file")
    with path.open("rb") as stream:
        content = stream.read(_LARGEST_JSON + 1)
    if len(content) > _LARGEST_JSON:
        raise ValueError(f"larger than {_LARGEST_JSON >> 20} MiB")
    try:
        return json.loads(content.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _part_of(name: str) -> str:
    """Return how the names of a file's parts begin."""
    return f".{os.fsdecode(os.fsencode(name)[:_SHOWN])}."


def remove_parts(folder: Path, of: str | None = None) -> None:
    """Remove what killed runs have left of files that they were writing.

    Parameters
    ----------
    folder : Path
        Of all files in it and below it.
    of : str, optional
        The name of a file: of that one alone, which lies in the folder itself.
    """
    own = "" if of is None else escape(_part_of(of))
    found = folder.glob(f"{own}*{_PART}") if own else folder.rglob(f".*{_PART}")
    for path in found:
        with suppress(OSError):
            path.unlink()


def own_folder(folder: Path) -> None:
    """Make a folder that nobody else can write to, or see that it is one.

    Nipype keeps results as pickles, and reading a pickle runs what it holds.

    Raises
    ------
    InputError
        If it is a link, another user's, or open to others.
    """
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)
    instead = "remove it, or choose another work directory with -w"
    if folder.is_symlink() or not folder.is_dir():
        raise InputError(f"{folder} is no folder but a link or a file; {instead}.")
    try:
        with tempfile.TemporaryFile(dir=folder) as own:  # also where a disk maps its users
            user = os.fstat(own.fileno()).st_uid
    except OSError as error:
        reason = (error.strerror or "unknown").lower()
        raise InputError(f"{folder} cannot be written to ({reason}); {instead}.") from error
    status = folder.stat()
    if status.st_uid != user:
        raise InputError(f"{folder} is another user's, whose files could run here; {instead}.")
    if status.st_mode & 0o022:
        raise InputError(
            f"{folder} may be written to by others, whose files could run here; {instead}."
        )


@cache
def _mode() -> int:
    """Return the mode of new files that the user's umask leaves; `mkstemp` asks none."""
    mask = os.umask(0o022)
    os.umask(mask)
    return 0o666 & ~mask
