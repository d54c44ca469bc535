"""What is wrong with the field: its sign, filter, direction and scale, and the decay beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf

from qsmbids.reports.checks.check import Check

_TURNED = 0.045  # what another direction of B0 explains more of the head's field, at least
_AGREEMENT = 0.47  # of the field and the head's shape; filtered phase has less
_SLOW = (0.034, 0.072)  # ppm, of the field that no shim takes away
_DECAY = (0.65, 1.65)  # of the usual R2*


def usual_r2star(strength: float) -> float:
    """Return the usual median R2* of a brain in 1/s.

    References
    ----------
    Peters et al., Magn Reson Imaging 25:748 (2007): grey and white matter at 1.5, 3 and 7 T.
    """
    return 9.0 + 3.0 * strength


def shape_checks(told: Mapping[str, float]) -> Iterator[Check]:
    """Yield whether the field is a head's, by its sign, its slow part and its direction."""
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


def decay_checks(r2star: float | None, strength: float | None) -> Iterator[Check]:
    """Yield whether the signal decays as it does at that field strength."""
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


def scale_checks(told: Mapping[str, float], decay: float | None) -> Iterator[Check]:
    """Yield whether the field in ppm, which echo times and field strength scale, is a head's."""
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
