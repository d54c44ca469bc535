"""What images a folder of DICOM files holds: the headers alone, read by dcm2niix."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from qsmbids.dicom.archive import ARCHIVES
from qsmbids.dicom.image import Image
from qsmbids.errors import InputError

NAME = "%j_%s_%e"
"""How images are called between reading and writing: series UID, series number, echo number."""
DEPTH = "9"
AT_ONCE = 16
"""How many series dcm2niix lets one choose in a run."""
_COMMON = ("-g", "i", "-ba", "n", "-d", DEPTH, "-z", "n", "-f", NAME)
_LISTED = re.compile(r"^\t(\d+(?:\.\d+)?)\t(.+?)\s*$", re.MULTILINE)


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
