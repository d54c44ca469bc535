"""Values that a series needs from its sidecars, checked."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from qsmbids.bids.layout import Dataset
from qsmbids.errors import InputError
from qsmbids.physics.units import LONGEST_ECHO, SHORTEST_ECHO, hz_per_ppm, is_field_strength

Metadata = dict[Path, dict[str, Any]]
_SAME_FIELD = 0.05  # nominal 3 T is 2.89 T on some scanners
_SAME_TIME = 1e-5  # s: exporters round


def echo_times(
    dataset: Dataset, echoes: list[tuple[Path, ...]], metadata: Metadata
) -> tuple[float, ...]:
    """Return the echo times in s, in the order of the echoes' numbers.

    Where there is one file of all echoes, its sidecar lists their times.

    Parameters
    ----------
    dataset : Dataset
        Where the files lie.
    echoes : list of tuple of Path
        The images of each echo.
    metadata : dict
        Of every image.

    Raises
    ------
    InputError
        If a time is missing, differs between the images of an echo, or is none.
    """
    times: list[float] = []
    for number, images in enumerate(echoes):
        stated = [_stated_times(metadata[path], number, len(echoes)) for path in images]
        name = dataset.relative(images[-1])
        known = {one for one in stated if one}
        if not known:
            raise InputError(
                f"EchoTime is missing (or no number) for {name}; add it in seconds to the JSON "
                "sidecar."
            )
        low, *others = sorted(known)
        _check_times([time for one in known for time in one], name)
        if any(len(one) != len(low) or not _equal(one, low) for one in others):
            raise InputError(
                f"EchoTime of {name} is not that of {dataset.relative(images[0])} "
                f"({_shown(others[-1])} and {_shown(low)} s); the two must be of one echo."
            )
        if len(echoes) > 1 and len(low) > 1:
            raise InputError(
                f"EchoTime of {name} lists {len(low)} times, but there are {len(echoes)} files, "
                "one an echo; state each echo's own."
            )
        for time in low:
            if any(abs(time - other) <= _SAME_TIME for other in times):
                raise InputError(
                    f"EchoTime of {name} ({time:g} s) is that of another echo too; state each "
                    "echo's own."
                )
            times.append(time)
    return tuple(times)


def _stated_times(metadata: dict[str, Any], number: int, echoes: int) -> tuple[float, ...]:
    """Return the echo times of an image; of a list for all files, the one of its number."""
    stated = metadata.get("EchoTime")
    listed = stated if isinstance(stated, list) else [stated]
    times = _numbers([{"EchoTime": one} for one in listed], "EchoTime")
    if len(times) != len(listed):
        return ()
    return (times[number],) if echoes > 1 and len(times) == echoes else tuple(times)


def _check_times(times: list[float], name: str) -> None:
    low, high = min(times), max(times)
    if low < SHORTEST_ECHO:
        raise InputError(f"EchoTime of {name} is {low:g}; write the true one in seconds.")
    if high > LONGEST_ECHO:
        raise InputError(
            f"EchoTime of {name} is {high:g} s, which must be milliseconds; write seconds "
            f"({high / 1000:g})."
        )


def difference_times(metadata: dict[str, Any], name: str) -> tuple[float, float] | None:
    """Return the times in s of the two echoes of a phase difference, None if not both are stated.

    Raises
    ------
    InputError
        If they are none.
    """
    first, second = (_numbers([metadata], f"EchoTime{number}") for number in (1, 2))
    if not first or not second:
        return None
    times = first[0], second[0]
    _check_times(list(times), name)
    if times[0] + _SAME_TIME >= times[1]:
        raise InputError(
            f"EchoTime1 of {name} ({times[0]:g} s) is not shorter than EchoTime2 "
            f"({times[1]:g} s), so the phase difference has no sign; correct them."
        )
    return times


def field_strength(dataset: Dataset, metadata: Metadata) -> tuple[float, list[str]]:
    """Return the field strength in T; the imaging frequency tells it where it is not stated."""
    name = dataset.relative(next(iter(metadata)))
    strength = field_strength_of(metadata.values())
    frequency = _numbers(metadata.values(), "ImagingFrequency")
    if strength is not None:
        checked_strength(strength, "MagneticFieldStrength", name)
        return strength, _contradiction(strength, frequency)
    if not frequency:
        raise InputError(
            f"MagneticFieldStrength is missing for {name}; add it in tesla to the JSON sidecar."
        )
    strength = round(frequency[0] / hz_per_ppm(1), 3)
    checked_strength(strength, "ImagingFrequency (in MHz)", name)
    return strength, [
        f"MagneticFieldStrength is not stated: {strength:g} T was taken from ImagingFrequency."
    ]


def _contradiction(strength: float, frequency: list[float]) -> list[str]:
    """Return a warning if the frequency (MHz) is that of protons in another field."""
    if not frequency or abs(frequency[0] / (hz_per_ppm(1) * strength) - 1) < _SAME_FIELD:
        return []
    return [
        f"MagneticFieldStrength states {strength:g} T, but ImagingFrequency {frequency[0]:g} MHz, "
        f"that of protons at {frequency[0] / hz_per_ppm(1):.3g} T: susceptibility is wrong by the "
        "ratio of the two. Correct the one that is wrong."
    ]


def checked_strength(strength: float, stated: str, name: str) -> float:
    """Return a field strength in T.

    Raises
    ------
    InputError
        If no magnet has it; ``stated`` is the key that says so, of the file called ``name``.
    """
    if not is_field_strength(strength):
        raise InputError(
            f"{stated} of {name} means {strength:g}, which cannot be tesla; correct it in the "
            "JSON sidecar."
        )
    return strength


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


def _equal(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(abs(a - b) <= _SAME_TIME for a, b in zip(one, other, strict=True))


def _shown(times: tuple[float, ...]) -> str:
    return ", ".join(f"{time:g}" for time in times)


def _numbers(metadata: Iterable[dict[str, Any]], name: str) -> list[float]:
    """Return the values that are numbers, also those that an exporter wrote as text."""
    found = []
    for value in (one.get(name) for one in metadata):
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            try:
                found.append(float(value))
            except (ValueError, OverflowError):  # OverflowError: hundreds of digits
                continue
    return [value for value in found if math.isfinite(value)]
