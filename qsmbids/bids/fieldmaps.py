"""Series that start from a scanner's field map: ``fmap/*_fieldmap`` of a raw dataset."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from qsmbids.bids import difference
from qsmbids.bids.acquisition import acquisition
from qsmbids.bids.fields import units_of
from qsmbids.bids.grid import Grid
from qsmbids.bids.groups import Group
from qsmbids.bids.layout import Dataset
from qsmbids.bids.raw import common_grid, orientation_doubt, refuse_duplicates
from qsmbids.bids.series import Series
from qsmbids.bids.values import difference_times, field_strength
from qsmbids.errors import InputError

_ROUNDING = 1.02  # by which a wrapped map may go beyond half a turn


def build(dataset: Dataset, group: Group) -> tuple[Series, Grid]:
    """Check a field map and its magnitude, and make a series of them.

    Where the sidecar states the two echo times, and no value of the map is beyond half a turn
    between them, the map may be wrapped as the phase was: it then is a phase difference in other
    units. Else it is a total field.

    Takes, gives and raises what `qsmbids.bids.raw.build` does; the group has a part ``field``.
    """
    refuse_duplicates(dataset, group)
    (path,) = group.parts["field"].values()
    name = dataset.relative(path)
    metadata = {path: dataset.metadata(path)}
    units = units_of(metadata[path], name)
    times = difference_times(metadata[path], name)
    magnitude = tuple(one for _, one in sorted(group.parts.get("mag", {}).items()))
    strength, notes = field_strength(dataset, metadata)
    grid = common_grid(dataset, [path, *magnitude])
    wrapped = times is not None and units != "ppm" and _may_be_wrapped(path, name, units, times)
    doubts: tuple[str, ...] = ()
    if times is not None and wrapped and magnitude:
        magnitude, doubts = difference.magnitudes(dataset, magnitude, times)
    elif wrapped:
        doubts = (
            f"{name} may be wrapped, as the phase between its echoes was, and has no magnitude "
            "to unwrap it by.",
        )
    series = Series(
        participant=group.entities["sub"],
        session=group.entities.get("ses"),
        entities=group.entities,
        start="total-field",
        magnitude=magnitude,
        field_strength=strength,
        manufacturer=metadata[path].get("Manufacturer"),
        acquisition=acquisition(metadata.values()),
        field=path,
        field_units=units,
        from_scanner=True,
        sources=tuple(dataset.uri(one) for one in (path, *magnitude)),
        warnings=(*notes, *doubts, *orientation_doubt(grid)),
    )
    if times is not None and wrapped and magnitude:
        series = replace(
            series,
            start="raw",
            field=None,
            field_units=None,
            from_scanner=False,
            phase=(path,),
            phase_units=units,
            echo_times=times,
            difference=True,
        )
    return series, grid


def _may_be_wrapped(path: Path, name: str, units: str, times: tuple[float, float]) -> bool:
    """Tell whether all values lie within half a turn between the two echoes."""
    import nibabel as nib
    import numpy as np

    image: Any = nib.load(path)
    try:
        largest = float(np.abs(np.asarray(image.dataobj, dtype=np.float32)).max())
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{name} is truncated or damaged; export or copy it again.") from error
    turns = largest * (times[1] - times[0]) / (1 if units == "Hz" else 2 * np.pi)
    return turns <= _ROUNDING / 2
