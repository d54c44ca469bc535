"""The lights of a series from what was measured; limits calibrated by ``benchmarks/lights.py``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf

from qsmbids.reports.checks.check import Check

Measured = Mapping[str, Mapping[str, float]]

_NOISE = 0.15  # correlation; a magnitude given as phase has less than 0
_SIDES = 0.14
_EVEN = (0.42, 0.25)  # phase, magnitude: of a head that shows no sides on coarse voxels
_SNR = 11.0
_EXTENT = 60.0  # mm
_EDGE = 4.5  # mm
_TURNED = 0.045  # what another direction of B0 explains more of the head's field, at least
_AGREEMENT = 0.47  # of the field and the head's shape; filtered phase has less
_SLOW = (0.034, 0.072)  # ppm, of the field that no shim takes away
_MISSING, _OUTWARD = 1.0, (-3.5, 3.0)  # percent, mm
_BRAIN_ML = (900.0, 2200.0)
_DECAY = (0.65, 1.65)  # of the usual R2*


def usual_r2star(strength: float) -> float:
    """Return the usual median R2* of a brain in 1/s.

    References
    ----------
    Peters et al., Magn Reson Imaging 25:748 (2007): grey and white matter at 1.5, 3 and 7 T.
    """
    return 9.0 + 3.0 * strength


def series_checks(
    measured: Measured,
    *,
    strength: float | None = None,
    r2star: float | None = None,
    volume: float | None = None,
    doubts: Sequence[str] = (),
) -> list[Check]:
    """Return the checks of a series, those whose fault explains the others' first.

    Parameters
    ----------
    measured : mapping
        From `qsmbids.reports.checks.measure`; what is missing there is not judged.
    strength : float, optional
        Stated field strength in tesla.
    r2star : float, optional
        Median R2* in the brain mask in 1/s.
    volume : float, optional
        Of the brain mask in ml.
    doubts : sequence of str
        What was said of the brain mask when it was made.
    """
    decay = None
    if r2star is not None and strength:
        decay = r2star / usual_r2star(strength)
    return [
        *_signal(measured.get("signal", {})),
        *_phase(measured.get("phase", {})),
        *_echoes(measured.get("echoes", {})),
        *_shape(measured.get("shape", {})),
        *_mask(measured.get("mask", {})),
        *_extent(measured.get("view", {})),
        *_volume(volume),
        *_doubts(doubts),
        *_thickness(measured.get("view", {})),
        *_decay(r2star, strength),
        *_scale(measured.get("shape", {}), decay),
    ]


def _phase(told: Mapping[str, float]) -> Iterator[Check]:
    if not told:
        return
    yield Check(
        "Phase noise follows the magnitude",
        told["noise"],
        "",
        (_NOISE, inf),
        "The phase is as calm in air as in the head, so that it is no phase: another magnitude or "
        "a masked image was given as phase. Give the phase image of the scanner.",
    )
    even = told.get("uneven phase", 1) < _EVEN[0] and told.get("uneven magnitude", 1) < _EVEN[1]
    if even and abs(told["sides"]) < _SIDES:
        return  # both are symmetric: they agree in that, and nothing else is left to compare
    mirrored = told["sides"] < -_SIDES
    yield Check(
        "Phase and magnitude match",
        told["sides"],
        "",
        (_SIDES, inf),
        "The phase is mirrored against the magnitude, left for right: convert both again in one "
        "way, without flipping either."
        if mirrored
        else "The edges of phase and magnitude do not meet: the phase is of another head, another "
        "series or another position. Pair the two again.",
    )


def _echoes(told: Mapping[str, float]) -> Iterator[Check]:
    if told:
        yield Check(
            "Movement between echoes",
            told["moved"],
            "mm",
            (-inf, told["allowed"]),
            above="Echoes show the head at different places: images of different series were "
            "mixed, or an echo was resampled or shifted. Take all echoes from one series, as the "
            "scanner wrote them.",
        )


def _signal(told: Mapping[str, float]) -> Iterator[Check]:
    if told:
        yield Check(
            "Signal to noise of the first echo",
            told["snr"],
            "",
            (_SNR, inf),
            "The images are too noisy for a map of single voxels: look for a coil that failed, "
            "take larger voxels or average, and read only means over regions.",
        )


def _shape(told: Mapping[str, float]) -> Iterator[Check]:
    if "agreement" not in told:
        return
    agreement, slow = told["agreement"], told["slow"]
    turned = told["best agreement"] - agreement > _TURNED
    opposite = agreement < -0.3
    yield Check(
        "Field of the head's shape",
        agreement,
        "",
        (-0.3, inf),
        "The field is the opposite of what the head makes in air: the sign of the phase is wrong, "
        "and veins and iron come out dark. Leave out --phase-sign, or set the other.",
    )
    if opposite:
        return
    filtered = slow < _SLOW[0] and agreement < _AGREEMENT
    yield Check(
        "Slow part of the field",
        slow,
        "ppm",
        (_SLOW[0], inf) if filtered else (-inf, inf),
        "The phase has been high-pass filtered, as for SWI: large structures are lost. Export the "
        "unfiltered phase.",
    )
    if filtered:
        return
    yield Check(
        "Tilt of B0",
        told["tilt"] if turned else 0.0,
        "degrees",
        (-inf, 9.0),
        above="The field of the head fits another direction of B0 than that of the header, which "
        "has lost or invented a rotation: take the affine that the scanner wrote, not that of a "
        "registration or a reorientation.",
    )


def _mask(told: Mapping[str, float]) -> Iterator[Check]:
    if not told:
        return
    yield Check(
        "Brain that the mask lacks",
        told["missing"],
        "%",
        (-inf, _MISSING),
        above="The mask leaves out brain: a part is cut off, or there is a hole. The field of what "
        "is missing is taken for background. Look at its outline, give a whole mask, or none, for "
        "the app to find the brain.",
    )
    yield Check(
        "Mask's surface outside the brain's",
        told["outward"],
        "mm",
        _OUTWARD,
        "The mask is too small all around. Give a larger one, or none, for the app to find the "
        "brain.",
        "The mask is too large: it holds skull or air, whose field is then taken for the brain's. "
        "Give a tighter one, or none, for the app to find the brain.",
    )


def _extent(told: Mapping[str, float]) -> Iterator[Check]:
    if told:
        yield Check(
            "Smallest extent of the brain",
            told["extent"],
            "mm",
            (_EXTENT, inf),
            "The images cover a slab: background field and slow susceptibility cannot be told "
            "apart there, and values near its faces are wrong. Scan the whole brain.",
        )


def _volume(volume: float | None) -> Iterator[Check]:
    if volume is not None:
        yield Check(
            "Brain mask",
            volume,
            "ml",
            _BRAIN_ML,
            "The mask holds less than an adult's brain: a slab, a crop, a child, a failed "
            "extraction, or a wrong voxel size in the header. Look at its outline.",
            "The mask holds more than any brain: the voxel size in the header is wrong, or the "
            "mask holds skull. Compare the voxel size with the protocol, and look at the outline.",
        )


def _doubts(told: Sequence[str]) -> Iterator[Check]:
    if told:
        yield Check("Doubts about the brain mask", float(len(told)), "", (-inf, 0), above=told[0])


def _thickness(told: Mapping[str, float]) -> Iterator[Check]:
    if told:
        yield Check(
            "Longest edge of a voxel",
            told["edge"],
            "mm",
            (-inf, _EDGE),
            above="Slices this thick blur small structures and lose signal near air; values come "
            "out too low. Scan with voxels of 1 to 2 mm; if you did, the voxel size in the header "
            "is wrong.",
        )


def _decay(r2star: float | None, strength: float | None) -> Iterator[Check]:
    if r2star is None or not strength:
        return
    usual = usual_r2star(strength)
    yield Check(
        "Median R2*",
        r2star,
        "1/s",
        (_DECAY[0] * usual, _DECAY[1] * usual),
        f"The signal decays too slowly for {strength:g} T: stated echo times are too long or too "
        "far apart (EchoTime must be in seconds), or the field strength is wrong. Compare both "
        "with the protocol.",
        f"The signal decays too fast for {strength:g} T: stated echo times are too short or too "
        "close together (EchoTime must be in seconds). Compare them with the protocol.",
    )


def _scale(told: Mapping[str, float], decay: float | None) -> Iterator[Check]:
    """The field in ppm is what both echo times and the field strength scale."""
    if told.get("agreement", -1.0) < 0:
        return
    unlike = decay is not None and not _DECAY[0] <= decay <= _DECAY[1]
    first, other = (
        ("EchoTime", "MagneticFieldStrength") if unlike else ("MagneticFieldStrength", "EchoTime")
    )
    yield Check(
        "Scale of the field",
        told["slow"],
        "ppm",
        _SLOW,
        f"The field is weaker than a head's: the stated {first} is likely too large, else "
        f"{other}. Susceptibility is too small by the same factor. Compare with the protocol.",
        f"The field is stronger than a head's: the stated {first} is likely too small, else "
        f"{other}. Susceptibility is too large by the same factor. Compare with the protocol.",
    )
