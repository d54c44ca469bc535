"""Values that a series needs from its sidecars, checked."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from qsmbids.bids.layout import Dataset
from qsmbids.errors import InputError
from qsmbids.physics.units import hz_per_ppm

Metadata = dict[Path, dict[str, Any]]
# No gradient-echo sequence waits half a second, and no magnet for humans is stronger.
_LONGEST_ECHO, _STRONGEST_FIELD = 0.5, 30.0


def echo_times(
    dataset: Dataset, echoes: list[tuple[Path, ...]], metadata: Metadata
) -> tuple[float, ...]:
    """Return the echo times in s, which must grow with the echo's number."""
    times: list[float] = []
    for images in echoes:
        name = dataset.relative(images[-1])
        stated = _numbers((metadata[path] for path in images), "EchoTime")
        if not stated:
            raise InputError(
                f"EchoTime is missing (or no number) for {name}; add it in seconds to the JSON "
                "sidecar."
            )
        low, high = min(stated), max(stated)
        if not 0 < low <= high <= _LONGEST_ECHO:
            raise InputError(
                f"EchoTime of {name} is {high:g} s, which must be milliseconds; write seconds "
                f"({high / 1000:g})."
                if low > 0
                else f"EchoTime of {name} is {low:g}; write the true one in seconds."
            )
        if high - low > 1e-5:
            raise InputError(
                f"EchoTime of {name} is not that of {dataset.relative(images[0])} "
                f"({high:g} and {low:g} s); the two must be of one echo."
            )
        if times and low <= times[-1]:
            raise InputError(
                f"EchoTime of {name} ({low:g} s) is not longer than that of the echo before "
                f"({times[-1]:g} s); number the echoes by time and state each one's own."
            )
        times.append(low)
    return tuple(times)


def field_strength(dataset: Dataset, metadata: Metadata) -> tuple[float, list[str]]:
    """Return the field strength in T; the imaging frequency tells it where it is not stated."""
    name = dataset.relative(next(iter(metadata)))
    strength = field_strength_of(metadata.values())
    if strength is not None:
        if not 0 < strength <= _STRONGEST_FIELD:
            raise InputError(
                f"MagneticFieldStrength of {name} is {strength:g}, which cannot be tesla; "
                "correct it in the JSON sidecar."
            )
        return strength, []
    frequency = _numbers(metadata.values(), "ImagingFrequency")
    if not frequency:
        raise InputError(
            f"MagneticFieldStrength is missing for {name}; add it in tesla to the JSON sidecar."
        )
    strength = round(frequency[0] / hz_per_ppm(1), 3)
    return strength, [
        f"MagneticFieldStrength is not stated: {strength:g} T was taken from ImagingFrequency."
    ]


def field_strength_of(metadata: Iterable[dict[str, Any]]) -> float | None:
    """Return the first field strength that is stated as a number."""
    return next(iter(_numbers(metadata, "MagneticFieldStrength")), None)


def common_text(
    dataset: Dataset, metadata: Metadata, paths: tuple[Path, ...], name: str
) -> str | None:
    """Return a text that all sidecars agree on, or None if none states it."""
    stated = {str(metadata[path][name]) for path in paths if name in metadata[path]}
    if len(stated) > 1:
        raise InputError(
            f"The sidecars of {dataset.relative(paths[0])} and its other echoes state different "
            f"{name} ({', '.join(sorted(stated))}); make them agree."
        )
    return next(iter(stated), None)


def _numbers(metadata: Iterable[dict[str, Any]], name: str) -> list[float]:
    """Return the values that are numbers, also those that an exporter wrote as text."""
    found = []
    for value in (one.get(name) for one in metadata):
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            try:
                found.append(float(value))
            except ValueError:
                continue
    return [value for value in found if math.isfinite(value)]
