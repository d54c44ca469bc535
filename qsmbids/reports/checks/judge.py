"""The lights of a series from what was measured; limits calibrated by ``benchmarks/lights.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qsmbids.reports.checks import field_checks, image_checks, mask_checks
from qsmbids.reports.checks.check import Check

Measured = Mapping[str, Mapping[str, float]]


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
        decay = r2star / field_checks.usual_r2star(strength)
    return [
        *image_checks.signal_checks(measured.get("signal", {})),
        *image_checks.phase_checks(measured.get("phase", {})),
        *image_checks.echo_checks(measured.get("echoes", {})),
        *field_checks.shape_checks(measured.get("shape", {})),
        *mask_checks.mask_checks(measured.get("mask", {})),
        *image_checks.extent_checks(measured.get("view", {})),
        *mask_checks.volume_checks(volume),
        *mask_checks.doubt_checks(doubts),
        *image_checks.thickness_checks(measured.get("view", {})),
        *field_checks.decay_checks(r2star, strength),
        *field_checks.scale_checks(measured.get("shape", {}), decay),
    ]
