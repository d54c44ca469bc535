"""Series that start from a total or local field of a derivatives dataset."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qsmbids.bids.acquisition import acquisition
from qsmbids.bids.check import read_grid
from qsmbids.bids.derived import Mask, check_mask, find_mask
from qsmbids.bids.grid import Grid, check_same_grid
from qsmbids.bids.layout import Dataset
from qsmbids.bids.names import entities_of, fmap_entities, join
from qsmbids.bids.series import Series
from qsmbids.bids.values import checked_strength, field_strength_of
from qsmbids.errors import InputError
from qsmbids.physics import b0_direction

STARTS = {"local": "local-field", "total": "total-field"}
_UNITS = ("Hz", "rad/s", "ppm")
SAME_DIRECTION = math.cos(math.radians(0.2))
# What each start's mask should be: a local field is known only where its filter reached.
_MASKS = {"local-field": ("eroded", "brain"), "total-field": ("brain",)}


@dataclass(frozen=True)
class FieldFile:
    """A field map, and of which kind it is."""

    dataset: Dataset
    path: Path
    start: str

    @property
    def entities(self) -> dict[str, str]:
        """The entities of the outputs' names."""
        named = entities_of(self.path)
        return {
            name: value for name, value in named.items() if name not in ("desc", "echo", "part")
        }


def build(
    source: FieldFile,
    masks: Mapping[str, list[tuple[Dataset, Path]]],
    magnitudes: Mapping[str, Path],
    raw: Series | None,
) -> Series:
    """Check a field, its mask and its magnitude, and make a series of them.

    Parameters
    ----------
    source : FieldFile
        The field.
    masks : mapping of str to list of (Dataset, Path)
        All masks by participant.
    magnitudes : mapping of str to Path
        Magnitudes of the field's dataset, by their entities.
    raw : Series, optional
        The raw series of the same entities: its field strength, magnitude and echo times serve
        where it lies on the field's grid.

    Raises
    ------
    InputError
        If anything about the files keeps the series from being processed.
    """
    dataset, path = source.dataset, source.path
    entities = raw.entities if raw else source.entities
    name = dataset.relative(path)
    metadata = dataset.metadata(path)
    units = units_of(metadata, name)
    strength = field_strength_of([metadata]) or (raw.field_strength if raw else None)
    if strength is not None:
        checked_strength(strength, "MagneticFieldStrength", name)
    if units != "ppm" and strength is None:
        raise InputError(
            f"MagneticFieldStrength is missing for {name}, which is in {units}; add it in tesla "
            "to the JSON sidecar."
        )
    grid = read_grid(path, name)
    mask = find_mask(masks, entities, _MASKS[source.start])
    magnitude = _magnitude(magnitudes, dataset, entities, grid, raw)
    check_mask(mask, grid)
    if mask is None and (source.start == "local-field" or not magnitude):
        raise InputError(
            f"{name} has no mask; add one of the same entities (desc-brain_mask) to a dataset "
            "given with --derivatives."
        )
    echoes = raw if raw and magnitude == raw.magnitude else None
    return Series(
        participant=entities["sub"],
        session=entities.get("ses"),
        entities=entities,
        start=source.start,
        magnitude=magnitude,
        volumes=echoes.volumes if echoes else (),
        echo_times=echoes.echo_times if echoes else (),
        field_strength=strength,
        manufacturer=metadata.get("Manufacturer") or (raw.manufacturer if raw else None),
        acquisition=acquisition([metadata]) or (raw.acquisition if raw else {}),
        field=path,
        field_units=units,
        b0_dir=_stated_b0(metadata, grid, name),
        mask=mask.path if mask else None,
        mask_source=mask.source if mask else None,
        sources=_sources(source, mask, magnitude, echoes),
    )


def _stated_b0(
    metadata: Mapping[str, Any], grid: Grid, name: str
) -> tuple[float, float, float] | None:
    """Return the B0 direction of a sidecar, or of its block ``Qsmbids``, unless the affine's."""
    block = metadata.get("Qsmbids")
    own = block.get("B0Direction") if isinstance(block, Mapping) else None
    stated = metadata.get("B0Direction", own)
    if stated is None:
        return None
    try:
        x, y, z = (float(value) for value in list(stated))
        length = math.hypot(x, y, z)
        if not math.isfinite(length):
            raise ValueError
        direction = x / length, y / length, z / length
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        raise InputError(
            f"B0Direction of {name} is {str(stated)[:80]}; give the direction of B0 along the "
            "voxel axes as three numbers, or leave it out."
        ) from None
    cosine = sum(a * b for a, b in zip(direction, b0_direction(grid.affine), strict=True))
    return None if abs(cosine) > SAME_DIRECTION else direction


def units_of(metadata: Mapping[str, Any], name: str) -> str:
    """Return the unit that a field's sidecar states: ``Hz``, ``rad/s`` or ``ppm``.

    Raises
    ------
    InputError
        If it is another, or missing.
    """
    units = str(metadata.get("Units", "missing"))
    known = {unit.lower(): unit for unit in _UNITS}
    if units.lower() not in known:
        raise InputError(
            f"Units of {name} is {units}; convert the field to Hz, rad/s or ppm and say so."
        )
    return known[units.lower()]


def _magnitude(
    magnitudes: Mapping[str, Path],
    dataset: Dataset,
    entities: Mapping[str, str],
    grid: Grid,
    raw: Series | None,
) -> tuple[Path, ...]:
    """Return the raw magnitude if it lies on the field's grid, else the field's own, or none."""
    if raw is not None and raw.magnitude:
        first = raw.magnitude[0]
        volumes = len(raw.volumes) or None
        if read_grid(first, first.name, volumes).difference(grid) is None:
            return raw.magnitude
    own = magnitudes.get(join(fmap_entities(entities)))
    if own is None:
        return ()
    check_same_grid(read_grid(own, dataset.relative(own)), grid, "resample it or leave it out")
    return (own,)


def _sources(
    source: FieldFile, mask: Mask | None, magnitude: tuple[Path, ...], raw: Series | None
) -> tuple[str, ...]:
    uris = [source.dataset.uri(source.path)]
    if raw is not None:
        uris += raw.sources[: len(raw.magnitude)]
    else:
        uris += [source.dataset.uri(path) for path in magnitude]
    if mask is not None:
        uris.append(mask.dataset.uri(mask.path))
    return tuple(uris)
