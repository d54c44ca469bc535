"""What images a folder of DICOM files holds: the headers alone, read by dcm2niix."""

from __future__ import annotations

import gzip
import json
import lzma
import re
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qsmbids.errors import InputError

NAME = "%j_%s_%e"
"""How images are called between reading and writing: series UID, series number, echo number."""
DEPTH = "9"
AT_ONCE = 16
"""How many series dcm2niix lets one choose in a run."""
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
_BROKEN = (
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError),
    *(EOFError, RuntimeError),  # cut off; protected by a password
)
_COMMON = ("-g", "i", "-ba", "n", "-d", DEPTH, "-z", "n", "-f", NAME)
_LISTED = re.compile(r"^\t(\d+(?:\.\d+)?)\t(.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Image:
    """One image that dcm2niix makes of the DICOM files: one echo of one part of a series.

    Attributes
    ----------
    stem : str
        dcm2niix's name of it, without extension.
    header : mapping
        dcm2niix's sidecar with everything that identifies a person: never written anywhere.
    numbers : tuple of str
        What dcm2niix calls the series, to choose it.
    """

    stem: str
    header: Mapping[str, Any]
    numbers: tuple[str, ...] = field(default=(), repr=False)

    @property
    def uid(self) -> str:
        """The series' unique identifier."""
        return self.stem.partition("_")[0]

    @property
    def series(self) -> int:
        """The series' number; 0 where there is none."""
        return int(self.header.get("SeriesNumber") or 0)

    @property
    def marks(self) -> frozenset[str]:
        """What dcm2niix appended to the name, such as ``ph`` for a phase image."""
        return frozenset(self.stem.split("_")[3:])

    @property
    def echo_time(self) -> float | None:
        """In seconds."""
        value = self.header.get("EchoTime")
        return float(value) if isinstance(value, (int, float)) and value > 0 else None

    @property
    def date(self) -> str:
        """The day of acquisition as YYYY-MM-DD; empty where the header has none."""
        return str(self.header.get("AcquisitionDateTime") or "")[:10]

    def text(self, name: str) -> str:
        """Return a text of the header without blanks around it; empty where there is none."""
        return str(self.header.get(name) or "").strip()


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


def scan(folder: Path) -> list[Image]:
    """Return every image that the DICOM files below a folder give, ordered by series and echo.

    Raises
    ------
    InputError
        If no file below ``folder`` is a DICOM image.
    """
    with tempfile.TemporaryDirectory(prefix="qsmbids-dicom-") as scratch:
        run_dcm2niix(folder, Path(scratch), "-b", "o")
        listed = _LISTED.findall(run_dcm2niix(folder, Path(scratch), "-n", "-1"))
        numbers: dict[str, list[str]] = {}
        for number, name in listed:
            numbers.setdefault(_uid(name), []).append(_choice(number))
        # sidecars of one name overwrite each other, but not those that have an image beside them
        twins = [name for name, count in Counter(name for _, name in listed).items() if count > 1]
        _convert(folder, Path(scratch), {n for name in twins for n in numbers[_uid(name)]})
        found = [_read(path, numbers) for path in sorted(Path(scratch).glob("*.json"))]
    if not found:
        raise InputError(_nothing(folder))
    return sorted(found, key=lambda image: (image.series, image.uid, image.echo_time or 0))


def run_dcm2niix(folder: Path, out: Path, *options: str) -> str:
    """Run dcm2niix on a folder and return what it printed; broken files do not stop it."""
    import dcm2niix

    command = [dcm2niix.bin, *_COMMON, *options, "-o", str(out), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout


def convert(folder: Path, out: Path, images: Iterable[Image]) -> None:
    """Convert the series of ``images``, and no other, to NIfTI files with sidecars in ``out``."""
    _convert(folder, out, {number for image in images for number in image.numbers})


def _convert(folder: Path, out: Path, numbers: Iterable[str]) -> None:
    ordered = sorted(numbers)
    for first in range(0, len(ordered), AT_ONCE):
        chosen = ordered[first : first + AT_ONCE]
        run_dcm2niix(folder, out, "-b", "y", *(word for n in chosen for word in ("-n", n)))


def read_header(path: Path) -> dict[str, Any]:
    """Read a sidecar of dcm2niix; empty where it cannot be read."""
    try:
        read = json.loads(path.read_text(encoding="utf-8", errors="replace"), strict=False)
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _read(path: Path, numbers: Mapping[str, list[str]]) -> Image:
    found = numbers.get(_uid(path.stem), ())
    return Image(path.stem, read_header(path), tuple(dict.fromkeys(found)))


def _choice(listed: str) -> str:
    """Return by which number dcm2niix lets an image be chosen: it counts echoes as tenths.

    Examples
    --------
    >>> _choice("2181142167.2"), _choice("2181142167.12")
    ('2181142167.2', '2181142168.2')
    """
    series, _, echo = listed.partition(".")
    tens, ones = divmod(int(echo or 0), 10)
    return f"{int(series) + tens}.{ones}" if echo else series


def _uid(name: str) -> str:
    return Path(name).name.partition("_")[0]


def _nothing(folder: Path) -> str:
    packed = sorted(p.name for p in folder.rglob("*") if p.name.lower().endswith(ARCHIVES))
    if packed:
        return (
            f"{folder}: no DICOM image in it, but {packed[0]}: name the archive itself, "
            "or unpack it."
        )
    return (
        f"{folder}: no DICOM image in it or up to {DEPTH} folders below; name the folder that "
        "holds the scanner's files."
    )
