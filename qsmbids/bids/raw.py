"""Series of a raw dataset: whether a group of files serves, and what it says of itself."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from qsmbids.bids import difference
from qsmbids.bids.acquisition import acquisition
from qsmbids.bids.check import read_grid
from qsmbids.bids.grid import Grid, check_same_grid
from qsmbids.bids.groups import Group
from qsmbids.bids.layout import Dataset
from qsmbids.bids.series import Series
from qsmbids.bids.values import Metadata, common_text, echo_times, field_strength
from qsmbids.errors import InputError

_NAMES = {"mag": "magnitude", "phase": "phase", "real": "real part", "imag": "imaginary part"}
Files = dict[str, tuple[Path, ...]]


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
    refuse_duplicates(dataset, group)
    times = difference.find(dataset, group, chosen=gaps)
    if times is not None:
        return _difference(dataset, group, times)
    first, second = group.pair() or ("mag", "phase")
    numbers = _echo_numbers(dataset, group, first, second, gaps)
    files = {part: tuple(group.parts[part][n] for n in numbers) for part in (first, second)}
    metadata = {path: dataset.metadata(path) for part in files.values() for path in part}
    stated = echo_times(dataset, list(zip(*files.values(), strict=True)), metadata)
    order = sorted(range(len(stated)), key=stated.__getitem__)
    stacked = len(stated) > len(numbers)
    if not stacked:
        files = {part: tuple(paths[n] for n in order) for part, paths in files.items()}
    return _series(
        dataset,
        group,
        files,
        metadata,
        echo_times=tuple(stated[n] for n in order),
        volumes=tuple(order) if stacked else (),
        warnings=tuple(_out_of_order(stated)),
    )


def refuse_duplicates(dataset: Dataset, group: Group) -> None:
    """Raise InputError if two files of a group are the same echo and part."""
    if group.duplicates:
        one, other = map(dataset.relative, group.duplicates)
        raise InputError(f"{other} is the same echo and part as {one}; remove one of them.")


def _difference(dataset: Dataset, group: Group, times: tuple[float, float]) -> tuple[Series, Grid]:
    (phase,) = group.parts["phase"].values()
    paths = tuple(path for _, path in sorted(group.parts.get("mag", {}).items()))
    if not paths:
        raise InputError(
            f"{dataset.relative(phase)} has no magnitude of the same name; add it, for it tells "
            "where the brain is and where the phase can be trusted."
        )
    magnitude, warnings = difference.magnitudes(dataset, paths, times)
    files = {"mag": magnitude, "phase": (phase,)}
    metadata = {path: dataset.metadata(path) for part in files.values() for path in part}
    return _series(
        dataset, group, files, metadata, echo_times=times, difference=True, warnings=warnings
    )


def _series(
    dataset: Dataset,
    group: Group,
    files: Files,
    metadata: Metadata,
    *,
    warnings: tuple[str, ...],
    **times: Any,
) -> tuple[Series, Grid]:
    """Return the series of files whose echo times are known."""
    strength, notes = field_strength(dataset, metadata)
    units, maker = (
        common_text(dataset, metadata, files[list(files)[1]], k) for k in ("Units", "Manufacturer")
    )
    volumes = len(times["echo_times"]) if times.get("volumes") else 1
    grid = common_grid(dataset, [path for part in files.values() for path in part], volumes)
    series = Series(
        participant=group.entities["sub"],
        session=group.entities.get("ses"),
        entities=group.entities,
        start="raw",
        magnitude=files.get("mag", ()),
        phase=files.get("phase", ()),
        real=files.get("real", ()),
        imaginary=files.get("imag", ()),
        field_strength=strength,
        phase_units=units,
        manufacturer=maker,
        acquisition=acquisition(metadata.values()),
        sources=tuple(dataset.uri(path) for part in files.values() for path in part),
        warnings=(*notes, *warnings, *orientation_doubt(grid)),
        **times,
    )
    return series, grid


def orientation_doubt(grid: Grid) -> list[str]:
    """Return a warning if an image states no orientation."""
    if grid.oriented:
        return []
    return [
        f"{grid.name} states no orientation (qform and sform codes are 0): B0 is taken "
        "from the voxel sizes' axes as they stand."
    ]


def _out_of_order(times: tuple[float, ...]) -> list[str]:
    if list(times) == sorted(times):
        return []
    shown = ", ".join(f"{1000 * time:.4g}" for time in times)
    return [
        f"The echoes' numbers do not follow their times ({shown} ms); the echoes were put in "
        "order of time."
    ]


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
    # the first that is missing: a number may have a hundred digits
    missing = next(number for number in itertools.count(1) if number not in set(numbers))
    if missing < numbers[-1] and not gaps:
        raise InputError(
            f"{group.name} has no echo {missing} though it has echo "
            f"{numbers[-1]}; add it, or choose echoes with --bids-filter-file."
        )
    return numbers


def common_grid(dataset: Dataset, paths: list[Path], volumes: int = 1) -> Grid:
    """Return the grid that all images of a series share."""
    first, *others = (read_grid(path, dataset.relative(path), volumes) for path in paths)
    for grid in others:
        check_same_grid(grid, first, "use images of one acquisition and reconstruction")
    return first
