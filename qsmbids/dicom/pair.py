"""Magnitude to phase, real to imaginary: the images of one acquisition, brought together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from qsmbids.dicom.acquisition import Acquisition, Bundle
from qsmbids.dicom.image import Image
from qsmbids.dicom.kinds import (
    DIFFERENCE,
    FIELD,
    IMAGINARY,
    MAGNITUDE,
    PHASE,
    REAL,
    is_difference,
    part,
    unfit,
)

PARTNERS = {FIELD: MAGNITUDE, DIFFERENCE: MAGNITUDE, PHASE: MAGNITUDE, IMAGINARY: REAL}
"""What belongs to what, in the order in which a series with all of them is read."""
_ALONE = {
    MAGNITUDE: "magnitude without a phase image of the same geometry",
    REAL: "a real part without its imaginary part",
    **{
        name: f"a {name} without {'its real part' if name == IMAGINARY else 'a magnitude'}"
        for name in (PHASE, IMAGINARY, DIFFERENCE, FIELD)
    },
}


def pair(images: Iterable[Image]) -> tuple[list[Acquisition], list[tuple[Image, str]]]:
    """Return the acquisitions of one session, and why each other series is no part of one.

    Within a series first (GE, Philips, Siemens XA), then between the nearest of matching
    geometry (Siemens until VE, which puts the phase into a series of its own).

    Parameters
    ----------
    images : iterable of Image
        Of one participant and session.
    """
    left: list[tuple[Image, str]] = []
    series: dict[str, dict[str, Bundle]] = {}
    for uid, members in _grouped(images).items():
        reasons = {why: image for image in members if (why := unfit(image))}
        left += [(image, why) for why, image in reasons.items()]
        fit = [image for image in members if not unfit(image)]
        if fit:
            series[uid] = _bundles(fit)
    found: list[Acquisition] = []
    alone: list[Bundle] = []
    for bundles in series.values():
        done = _within(bundles)
        if done:
            found.append(done)
        else:
            alone += bundles.values()
    found += _between(alone)
    used = {id(bundle) for a in found for bundle in (a.first, a.second)}
    left += [(b.images[0], _ALONE[b.part]) for b in alone if id(b) not in used]
    return sorted(found, key=lambda a: (a.images[0].date, a.images[0].series)), left


def _grouped(images: Iterable[Image]) -> dict[str, list[Image]]:
    groups: dict[str, list[Image]] = defaultdict(list)
    for image in images:
        groups[image.uid].append(image)
    return groups


def _bundles(images: Sequence[Image]) -> dict[str, Bundle]:
    parts: dict[str, list[Image]] = defaultdict(list)
    for image in images:
        parts[part(image)].append(image)
    if len(parts[PHASE]) == 1 and is_difference(parts[PHASE][0]):
        parts[DIFFERENCE] = parts.pop(PHASE)
    return {
        name: Bundle(name, tuple(sorted(members, key=lambda i: i.echo_time or 0)))
        for name, members in parts.items()
        if members
    }


def _within(bundles: Mapping[str, Bundle]) -> Acquisition | None:
    for second, first in PARTNERS.items():
        if second in bundles and first in bundles:
            return Acquisition(bundles[second], bundles[first])
    return None


def _between(bundles: Sequence[Bundle]) -> list[Acquisition]:
    """Join bundles of different series, the best match first."""
    candidates = sorted(
        (_distance(first, second), i, j)
        for i, first in enumerate(bundles)
        for j, second in enumerate(bundles)
        if PARTNERS.get(second.part) == first.part and _geometry(first) == _geometry(second)
    )
    found, used = [], set[int]()
    for _, i, j in candidates:
        if used.isdisjoint((i, j)):
            used |= {i, j}
            found.append(Acquisition(bundles[j], bundles[i]))
    return found


def _distance(first: Bundle, second: Bundle) -> tuple[Any, ...]:
    """Rank a match: shared echoes, shared times of acquisition, near numbers, phase later."""
    a, b = first.images[0], second.images[0]
    times = [{i.text("AcquisitionTime") for i in x.images} - {""} for x in (first, second)]
    apart = b.series - a.series
    return (
        set(first.echoes).isdisjoint(second.echoes),
        times[0].isdisjoint(times[1]),
        first.echoes != second.echoes,
        abs(apart),
        apart < 0,
    )


def _geometry(bundle: Bundle) -> tuple[Any, ...]:
    header = bundle.images[0].header
    turned = header.get("ImageOrientationPatientDICOM") or ()
    names = ("MRAcquisitionType", "SliceThickness", "SpacingBetweenSlices", "ReconMatrixPE")
    return (tuple(round(x, 3) for x in turned), *(header.get(name) for name in names))
