"""The table of a series' regions: one row a region and map, which tables of a group concatenate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from qsmbids.regions.statistics import RegionValues

_COLUMNS = {
    "map": "Suffix of the map: Chimap (susceptibility in ppm) or R2starmap (1/s)",
    "method": "Method of a Chimap, as desc names it in its file; n/a of an R2starmap",
    "index": "Label of the region in the label image beside the table",
    "region": "Name of the region",
    "voxels": "Voxels of the region inside the map's mask, which the numbers are made from",
    "volume_mm3": "Volume of the whole region in mm^3, inside the mask or not",
    "share_kept": "Share of the region that lies inside the map's mask, 0 to 1",
    "mean": "Mean of the map over these voxels, in the map's unit",
    "median": "Median of the map over these voxels, in the map's unit",
    "sd": "Standard deviation of the map over these voxels, in the map's unit",
    "uncertainty": "Mean over these voxels of the half-width of the map's 68 % interval, in the "
    "map's unit; not divided by the root of their number, for errors of neighbours go together; "
    "n/a for a map without uncertainty",
}

COLUMNS: dict[str, dict[str, str]] = {
    name: {"Description": text} | ({"Units": "mm^3"} if name == "volume_mm3" else {})
    for name, text in _COLUMNS.items()
}
"""What the dictionary beside the table says of each column."""


def rows(kind: str, method: str, values: Iterable[RegionValues]) -> list[dict[str, Any]]:
    """Return the rows of one map, by its suffix and method."""
    return [{"map": kind, "method": method, **asdict(one)} for one in values]
