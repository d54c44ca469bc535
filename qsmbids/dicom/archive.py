"""DICOM files in a folder or an archive."""

from __future__ import annotations

import gzip
import lzma
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qsmbids.errors import InputError

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
_BROKEN = (
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError),
    *(EOFError, RuntimeError),  # cut off; protected by a password
)


@contextmanager
def opened(source: Path) -> Iterator[Path]:
    """Yield the folder of DICOM files; unpack an archive into a folder that goes afterwards.

    Raises
    ------
    InputError
        If there is neither a folder nor an archive, or the archive cannot be unpacked.
    """
    if source.is_dir():
        yield source
        return
    if not source.is_file():
        raise InputError(f"{source}: there is no such folder; name the one that holds the DICOM.")
    if not source.name.lower().endswith(ARCHIVES):
        raise InputError(
            f"{source}: a file; name the folder that holds the DICOM, or a .zip or .tar.gz of it."
        )
    with tempfile.TemporaryDirectory(prefix="qsmbids-dicom-") as folder:
        try:
            if zipfile.is_zipfile(source):
                with zipfile.ZipFile(source) as packed:
                    packed.extractall(folder)  # names that lead out of the folder are mended
            else:
                with tarfile.open(source) as archive:
                    archive.extractall(folder, filter="data")
        except _BROKEN as error:
            raise InputError(
                f"{source}: broken, protected or unsafe; unpack it yourself and name the folder."
            ) from error
        yield Path(folder)
