"""DICOM series made from the shipped ones, with other tags: what a scanner could have sent."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from pathlib import Path

import pydicom
from pydicom.uid import generate_uid

REAL_HEAD = Path(__file__).parents[1] / "data" / "real-head"
SIEMENS, GE = REAL_HEAD / "siemens3T-gre.tar.gz", REAL_HEAD / "ge3T-b0map.tar.gz"
MAGNITUDE, PHASE = "2_me_FieldMap_GRE/0*.dcm", "3_me_FieldMap_GRE/0*.dcm"
PRIVATE = ((0x29, 0x1010), (0x29, 0x1020))  # Siemens' own header, which would overrule the tags


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a shipped archive into ``folder`` and return it."""
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder


def slices(folder: Path, pattern: str, *, number: int = 6) -> list[Path]:
    """Return the first slices of a series: one echo of the magnitude, or the phase."""
    return [path for path in sorted(folder.rglob(pattern)) if "_e2.dcm" not in path.name][:number]


def series(files: Iterable[Path], out: Path, uid: str | None = None, **tags: object) -> str:
    """Write copies with other tags as a series, and return its UID.

    ``PatientID="x"`` sets a tag; ``None`` takes it away. A UID given makes more of that series.
    """
    uid = uid or generate_uid()
    out.mkdir(parents=True, exist_ok=True)
    for path in files:
        data = pydicom.dcmread(path)
        for tag in PRIVATE:
            data.pop(tag, None)
        data.SeriesInstanceUID = uid
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        for name, value in tags.items():
            if value is None:
                data.pop(name, None)
            else:
                setattr(data, name, value)
        data.save_as(out / f"{data.SOPInstanceUID}.dcm")
    return uid


def gradient_echo(
    source: Path, out: Path, *, echo_times=(4.0, 9.0, 14.0), number=5, parts="MP", **tags: object
) -> None:
    """Write a gradient echo as Siemens sends it: a series of magnitudes, then one of phases.

    ``parts`` are two of the letters M, P, R, I of DICOM's image type; echo times in ms.
    """
    for place, letter in enumerate(parts):
        files = slices(source, PHASE if letter in "PI" else MAGNITUDE)
        uid = generate_uid()
        for echo, time in enumerate(echo_times, start=1):
            series(
                files,
                out / f"{number + place}",
                uid,
                **{
                    "SeriesNumber": number + place,
                    "EchoTime": time,
                    "EchoNumbers": echo,
                    "ImageType": ["ORIGINAL", "PRIMARY", letter, "ND"],
                    "AcquisitionTime": f"1{number // 10}{number % 10:02d}00.000000",
                    "SequenceName": "*fl3d1r",
                    "SeriesDescription": "qsm_gre",
                    **tags,
                },
            )
