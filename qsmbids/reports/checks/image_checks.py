"""What is wrong with the images themselves: noise, pairing, movement, coverage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf

from qsmbids.reports.checks.check import Check

_NOISE = 0.15  # correlation; a magnitude given as phase has less than 0
_SIDES = 0.14
_EVEN = (0.42, 0.25)  # phase, magnitude: of a head that shows no sides on coarse voxels
_SNR = 11.0
_EXTENT = 60.0  # mm
_EDGE = 4.5  # mm


def signal_checks(told: Mapping[str, float]) -> Iterator[Check]:
    """Yield whether there is enough signal over the noise."""
    if told:
        yield Check(
            "Signal to noise of the first echo",
            told["snr"],
            "",
            (_SNR, inf),
            "The images are too noisy for a map of single voxels: look for a coil that failed, "
            "take larger voxels or average, and read only means over regions.",
        )


def phase_checks(told: Mapping[str, float]) -> Iterator[Check]:
    """Yield whether the phase is one, and that of this magnitude."""
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


def echo_checks(told: Mapping[str, float]) -> Iterator[Check]:
    """Yield whether the head is at one place in all echoes."""
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


def extent_checks(told: Mapping[str, float]) -> Iterator[Check]:
    """Yield whether the whole brain is in the images."""
    if told:
        yield Check(
            "Smallest extent of the brain",
            told["extent"],
            "mm",
            (_EXTENT, inf),
            "The images cover a slab: background field and slow susceptibility cannot be told "
            "apart there, and values near its faces are wrong. Scan the whole brain.",
        )


def thickness_checks(told: Mapping[str, float]) -> Iterator[Check]:
    """Yield whether the voxels are small enough."""
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
