"""Gradient-echo series of a raw dataset: which files belong together, and whether they serve."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from qsmbids.bids.check import Grid, check_same_grid, read_grid
from qsmbids.bids.layout import Dataset
from qsmbids.bids.names import entities_of, join, suffix_of
from qsmbids.bids.series import Series
from qsmbids.bids.values import common_text, echo_times, field_strength
from qsmbids.errors import InputError

SUFFIXES = ["MEGRE", "T2starw", "T1w"]
_NAMES = {"mag": "magnitude", "phase": "phase", "real": "real part", "imag": "imaginary part"}


@dataclass
class Group:
    """The files of one series: by part (``mag``, ``phase``, ``real``, ``imag``) and echo."""

    entities: dict[str, str]
    suffix: str
    parts: dict[str, dict[int, Path]] = field(default_factory=dict)
    twins: tuple[Path, Path] | None = None  # two files of the same part and echo

    @property
    def key(self) -> str:
        """The stem of the outputs' names."""
        return join(self.entities)

    def pair(self) -> tuple[str, str] | None:
        """Return the two parts that make the complex signal, or None if there is only one."""
        if self.parts.get("phase"):
            return "mag", "phase"
        return ("real", "imag") if {"real", "imag"} & self.parts.keys() else None


def group_files(paths: Iterable[Path]) -> list[Group]:
    """Sort images into series."""
    groups: dict[tuple[str, str], Group] = {}
    for path in paths:
        named = entities_of(path)
        echo, part = named.pop("echo", ""), named.pop("part", "")
        number = int(echo) if echo.isdigit() else 0
        name = (join(named), suffix_of(path))
        group = groups.setdefault(name, Group(named, suffix_of(path)))
        other = group.parts.setdefault(part, {}).setdefault(number, path)
        if other != path:
            group.twins = (other, path)
    for group in groups.values():
        _adopt_unnamed(group)
    return list(groups.values())


def _adopt_unnamed(group: Group) -> None:
    """Take images without a part entity as magnitude where phase has the same echo numbering.

    A combined image beside the numbered echoes of the phase is not one of the series.
    """
    unnamed = group.parts.pop("", {})
    phase = group.parts.get("phase", {})
    if "mag" not in group.parts and (phase or group.suffix == "MEGRE"):
        numbered = any(phase or unnamed)
        group.parts["mag"] = {n: path for n, path in unnamed.items() if bool(n) == numbered}


def build(dataset: Dataset, group: Group, *, gaps: bool = False) -> tuple[Series, Grid]:
    """Check a group of files and make a series of it.

    Parameters
    ----------
    dataset : Dataset
        Where the files lie.
    group : Group
        Files with a pair of parts.
    gaps : bool
        Accept missing echo numbers: the user has chosen the echoes.

    Returns
    -------
    series : Series
    grid : Grid
        That of all its images.

    Raises
    ------
    InputError
        If anything about the files keeps the series from being processed.
    """
    if group.twins:
        one, other = map(dataset.relative, group.twins)
        raise InputError(f"{other} is the same echo and part as {one}; remove one of them.")
    first, second = group.pair() or ("mag", "phase")
    numbers = _echo_numbers(dataset, group, first, second, gaps)
    files = {part: tuple(group.parts[part][n] for n in numbers) for part in (first, second)}
    metadata = {path: dataset.metadata(path) for part in files.values() for path in part}
    times = echo_times(dataset, list(zip(*files.values(), strict=True)), metadata)
    strength, warnings = field_strength(dataset, metadata)
    units, maker = (
        common_text(dataset, metadata, files[second], k) for k in ("Units", "Manufacturer")
    )
    grid = _common_grid(
        dataset, [path for pair in zip(*files.values(), strict=True) for path in pair]
    )
    if not grid.oriented:
        warnings.append(
            f"{grid.name} states no orientation (qform and sform codes are 0): B0 is taken "
            "from the voxel sizes' axes as they stand."
        )
    series = Series(
        participant=group.entities["sub"],
        session=group.entities.get("ses"),
        entities=group.entities,
        start="raw",
        magnitude=files.get("mag", ()),
        phase=files.get("phase", ()),
        real=files.get("real", ()),
        imaginary=files.get("imag", ()),
        echo_times=times,
        field_strength=strength,
        phase_units=units,
        manufacturer=maker,
        sources=tuple(dataset.uri(path) for part in files.values() for path in part),
        warnings=tuple(warnings),
    )
    return series, grid


def _echo_numbers(dataset: Dataset, group: Group, first: str, second: str, gaps: bool) -> list[int]:
    """Return the numbers of all echoes, each of which has both parts."""
    ours, theirs = group.parts.get(first, {}), group.parts.get(second, {})
    for have, lack, name in ((ours, theirs, second), (theirs, ours, first)):
        alone = sorted(have.keys() - lack.keys())
        if alone:
            raise InputError(
                f"{dataset.relative(have[alone[0]])} has no {_NAMES[name]} of the same echo; "
                "add it, or leave this echo out in all parts."
            )
    numbers = sorted(ours)
    missing = sorted(set(range(1, numbers[-1] + 1)) - set(numbers)) if numbers[-1] else []
    if missing and not gaps:
        raise InputError(
            f"{group.key}_{group.suffix} has no echo {missing[0]} though it has echo "
            f"{numbers[-1]}; add it, or choose echoes with --bids-filter-file."
        )
    return numbers


def _common_grid(dataset: Dataset, paths: list[Path]) -> Grid:
    first, *others = (read_grid(path, dataset.relative(path)) for path in paths)
    for grid in others:
        check_same_grid(grid, first, "use images of one acquisition and reconstruction")
    return first
