"""What an image is: magnitude, phase, field map; and why it is no gradient echo for QSM."""

from __future__ import annotations

import re

from qsmbids.dicom.image import Image

MAGNITUDE, PHASE, DIFFERENCE = "magnitude", "phase", "phase difference"
REAL, IMAGINARY, FIELD = "real part", "imaginary part", "field map in Hz"

_BY_WORD = {"FIELDMAPHZ": FIELD, "PHASE": PHASE, "REAL": REAL, "IMAGINARY": IMAGINARY}
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
    """Return which part an image is; that a phase is a difference shows in its series alone."""
    if image.header.get("Units") == "Hz":
        return FIELD
    words = _words(image.header.get("ImageType"))  # dcm2niix adds what it found, for all vendors
    return next((name for word, name in _BY_WORD.items() if word in words), MAGNITUDE)


def is_difference(phase: Image) -> bool:
    """Tell whether the only phase image of a series is the difference of two echoes.

    Of Siemens, dcm2niix states ``EchoTime1`` and ``EchoTime2`` of any phase image whose protocol
    holds two times: there the sequence tells.
    """
    guess = phase.header.get("BidsGuess") or [""]
    named = phase.text("SequenceName") + phase.text("PulseSequenceDetails")
    if str(guess[-1]).endswith("_phasediff") or re.search(r"fm[23]d|field_?mapping", named):
        return True
    stated = phase.header.get("EchoTime1") and phase.header.get("EchoTime2")
    return bool(stated) and not phase.text("Manufacturer").lower().startswith("siemens")


def unfit(image: Image) -> str | None:
    """Return why an image cannot be part of a gradient-echo series, or nothing if it can.

    Only what the header states excludes: enhanced DICOM and research sequences leave fields out,
    and the pair of magnitude and phase is the better sign of a series made for its phase.
    """
    if not image.header:
        return "its header cannot be read"
    if image.text("Modality") not in ("", "MR"):
        return f"no MR image but {image.text('Modality')}"
    other = _sequence(image)
    if other:
        return f"no gradient echo for QSM: {other}"
    for code, name in _PROCESSED.items():
        if code in _words(image.header.get("ImageType")):
            return f"{name}, not what was measured"
    if any(re.fullmatch(r"c\d+|c[A-Z]+\d*", mark) for mark in image.marks):
        return "an image of a single coil; combine the coils first"
    return None


def _sequence(image: Image) -> str | None:
    """Return which other sequence the header states."""
    codes = _words(image.header.get("ScanningSequence"))
    if "InversionTime" in image.header:
        codes.add("IR")
    guess = image.header.get("BidsGuess") or [""]
    found = (name for code, name in _SEQUENCES.items() if code in codes)
    return next(found, _GUESSED.get(str(guess[0])))


def _words(value: object) -> set[str]:
    """Return a header's codes, however they are joined: ``EP_GR`` or ``["EP", "GR"]``."""
    items = value if isinstance(value, list) else [value or ""]
    return {word for item in items for word in re.split(r"[^A-Z0-9]+", str(item).upper()) if word}
