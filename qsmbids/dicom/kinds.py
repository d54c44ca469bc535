"""What an image is: magnitude, phase, field map; and why it is no gradient echo for QSM."""

from __future__ import annotations

import re

from qsmbids.dicom.scan import Image

MAGNITUDE, PHASE, DIFFERENCE = "magnitude", "phase", "phase difference"
REAL, IMAGINARY, FIELD = "real part", "imaginary part", "field map in Hz"

_BY_MARK = {"fieldmaphz": FIELD, "ph": PHASE, "real": REAL, "imaginary": IMAGINARY}
_SEQUENCES = {
    "EP": "echo-planar imaging",
    "SE": "a spin echo",
    "IR": "prepared by an inversion",
}
_PROCESSED = {
    "MNIP": "a minimum-intensity projection",
    "MIP": "a maximum-intensity projection",
    "SW": "a susceptibility-weighted image",
    "SWI": "a susceptibility-weighted image",
    "MPR": "a reformatted image",
    "LOCALIZER": "a localiser",
}
_GUESSED = {
    "func": "a functional series",
    "dwi": "diffusion-weighted",
    "perf": "a perfusion series",
}


def part(image: Image) -> str:
    """Return which of the six parts an image is; a phase difference states both echo times."""
    if image.header.get("Units") == "Hz":
        return FIELD
    found = next((name for mark, name in _BY_MARK.items() if mark in image.marks), MAGNITUDE)
    two = image.header.get("EchoTime1") and image.header.get("EchoTime2")
    guess = image.header.get("BidsGuess") or [""]
    if found == PHASE and (two or str(guess[-1]).endswith("_phasediff")):
        return DIFFERENCE
    return found


def unfit(image: Image) -> str | None:
    """Return why an image cannot be part of a gradient-echo series, or nothing if it can.

    Only what the header states excludes: enhanced DICOM and research sequences leave fields out,
    and the pair of magnitude and phase is the better sign of a series made for its phase.
    """
    if not image.header:
        return "its header cannot be read"
    if image.text("Modality") not in ("", "MR"):
        return f"no MR image but {image.text('Modality')}"
    sequence = _words(image.header.get("ScanningSequence"))
    if "InversionTime" in image.header:
        sequence.add("IR")
    for code, name in _SEQUENCES.items():
        if code in sequence:
            return f"no gradient echo for QSM: {name}"
    guess = image.header.get("BidsGuess")
    if isinstance(guess, list) and guess and guess[0] in _GUESSED:
        return f"no gradient echo for QSM: {_GUESSED[guess[0]]}"
    for code, name in _PROCESSED.items():
        if code in _words(image.header.get("ImageType")):
            return f"{name}, not what was measured"
    return _odd(image)


def _odd(image: Image) -> str | None:
    """Return what dcm2niix's name tells of an image that is not one plain volume."""
    if "phMag" in image.marks:
        return "magnitude and phase in one image, which cannot be told apart"
    if any(re.fullmatch(r"c\d+|c[A-Z]+\d*", mark) for mark in image.marks):
        return "an image of a single coil; combine the coils first"
    return None


def _words(value: object) -> set[str]:
    """Return a header's codes, however they are joined: ``EP_GR`` or ``["EP", "GR"]``."""
    items = value if isinstance(value, list) else [value or ""]
    return {word for item in items for word in re.split(r"[^A-Z0-9]+", str(item).upper()) if word}
