"""What a series is and how it was measured, as pairs of name and value for a page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qsmbids.bids.series_results import SeriesResults
from qsmbids.bids.volume import Grid
from qsmbids.reports.methods import show

NOT_STATED = "not stated"
_DEGREES = "\N{DEGREE SIGN}"


@dataclass(frozen=True)
class Acquisition:
    """How a series was measured, in the units in which people speak of it; None if not stated.

    Attributes
    ----------
    echo_times : tuple of float
        In ms.
    strength : float or None
        In tesla.
    voxel_size : tuple of float
        In mm; empty if no image could be read.
    tilt : float or None
        Of B0 against the nearest axis of the voxels, in degrees.
    stated : mapping
        The other metadata, see `qsmbids.bids.acquisition`.
    """

    echo_times: tuple[float, ...]
    strength: float | None
    voxel_size: tuple[float, ...]
    matrix: tuple[int, ...]
    tilt: float | None
    stated: Mapping[str, Any]

    def number(self, name: str) -> float | None:
        """Return a number of the metadata, None if there is none."""
        value = self.stated.get(name)
        return float(value) if isinstance(value, (int, float)) else None


def acquisition_of(series: SeriesResults, grid: Grid | None = None) -> Acquisition:
    """Return how a series was measured; ``grid`` is that of its images, if one was read."""
    provenance = _provenance(series)
    stated = provenance.get("Acquisition")
    given = series.metadata("EchoTime")
    times = given if isinstance(given, list) else [given]
    strength = series.metadata("MagneticFieldStrength")
    return Acquisition(
        tuple(round(1000 * t, 4) for t in times if isinstance(t, (int, float))),
        float(strength) if isinstance(strength, (int, float)) else None,
        _edges(grid.voxel_size if grid else provenance.get("VoxelSize")),
        tuple(grid.shape) if grid else (),
        _tilt(provenance.get("B0Direction", grid and grid.b0_direction)),
        {"Manufacturer": series.metadata("Manufacturer"), **_mapping(stated)},
    )


def acquisition_facts(one: Acquisition) -> list[tuple[str, str]]:
    """Return the acquisition as pairs of name and value; what nobody stated is said to be so."""
    repetition = one.number("RepetitionTime")
    scanner = [one.stated.get(name) for name in ("Manufacturer", "ManufacturersModelName")]
    facts = {
        "Echo times": (list(one.echo_times), " ms"),
        "Repetition time": (repetition and 1000 * repetition, " ms"),
        "Flip angle": (one.number("FlipAngle"), _DEGREES),
        "Bandwidth": (one.number("PixelBandwidth"), " Hz a pixel"),
        "Voxel size": (_times(one.voxel_size), " mm"),
        "Matrix": (_times(one.matrix), ""),
        "Field strength": (one.strength, " T"),
        "Tilt of B0 to the voxels": (one.tilt, _DEGREES),
        "Scanner": (" ".join(str(name) for name in scanner if name), ""),
        "Scanner's software": (one.stated.get("SoftwareVersions"), ""),
    }
    return [
        (name, NOT_STATED if value in (None, "", []) else show(value) + unit)
        for name, (value, unit) in facts.items()
    ]


def map_facts(series: SeriesResults) -> list[tuple[str, str]]:
    """Return what is known of the maps of a series beside that."""
    provenance = _provenance(series)
    facts = {
        "B0 direction": (provenance.get("B0Direction"), " (voxel axes)"),
        "Angles between orientations": (
            _pairs(provenance.get("AnglesBetweenOrientations")),
            _DEGREES,
        ),
        "Condition number": (provenance.get("ConditionNumber"), ""),
        "Susceptibility relative to": (provenance.get("Reference"), ""),
        "Made with": (provenance.get("Version") and f"qsmbids {provenance['Version']}", ""),
    }
    return [(name, show(value) + unit) for name, (value, unit) in facts.items() if value]


def measured(one: Acquisition) -> str:
    """Return a sentence of the methods text on how the series was measured; empty if unknown."""
    repetition, flip = one.number("RepetitionTime"), one.number("FlipAngle")
    several = len(one.echo_times) > 1
    details = [
        f"echo time{'s' * several} {show(list(one.echo_times))} ms" if one.echo_times else "",
        f"repetition time {show(1000 * repetition)} ms" if repetition else "",
        f"flip angle {show(flip)} degrees" if flip else "",
        f"voxels of {_times(one.voxel_size)} mm" if one.voxel_size else "",
    ]
    where = f" at {show(one.strength)} T" if one.strength else ""
    told = ", ".join(detail for detail in details if detail)
    if not told and not where:
        return ""
    return f"Gradient echoes were measured{where}{f' ({told})' if told else ''}."


def _provenance(series: SeriesResults) -> dict[str, Any]:
    every = [*series.chimaps.values(), *series.images.values()]
    return next((found for found in (d.provenance for d in every) if found), {})


def _edges(values: Any) -> tuple[float, ...]:
    found = values if isinstance(values, (list, tuple)) else ()
    return tuple(round(edge, 3) for edge in found if isinstance(edge, (int, float)))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _times(values: tuple[float, ...]) -> str:
    return " \N{MULTIPLICATION SIGN} ".join(f"{value:g}" for value in values)


def _tilt(direction: Any) -> float | None:
    """Return the angle in degrees between B0 and the nearest axis of the voxels."""
    try:
        b0 = [float(value) for value in direction]
        length = math.hypot(*b0)
        return round(math.degrees(math.acos(min(max(map(abs, b0)) / length, 1.0))), 1)
    except (TypeError, ValueError, ZeroDivisionError):
        return None


def _pairs(angles: Any) -> list[float]:
    """Return the angles of a symmetric table that stand above its diagonal."""
    return [angle for n, row in enumerate(angles or []) for angle in row[n + 1 :]]
