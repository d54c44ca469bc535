"""The table of a series' regions: one row a region and map, which tables of a group concatenate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from qsmbids.regions.statistics import RegionValues

COLUMNS: dict[str, str] = {
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


def rows(kind: str, method: str, values: Iterable[RegionValues]) -> list[dict[str, Any]]:
    """Return the rows of one map, by its suffix and method."""
    return [{"map": kind, "method": method, **asdict(one)} for one in values]


def to_tsv(table: Iterable[Mapping[str, Any]]) -> str:
    """Return rows as tab-separated text; what is unknown is ``n/a``."""
    lines = ["\t".join(COLUMNS)]
    lines += ["\t".join(_text(row[name]) for name in COLUMNS) for row in table]
    return "\n".join(lines) + "\n"


def from_tsv(text: str) -> list[dict[str, Any]]:
    """Return the rows of a table; ``n/a`` becomes NaN.

    Raises
    ------
    ValueError
        If a column is missing or a number is none.
    """
    head, *lines = (line.split("\t") for line in text.splitlines() if line)
    if missing := COLUMNS.keys() - set(head):
        raise ValueError(f"the table has no column {sorted(missing)[0]!r}")
    table = [dict(zip(head, line, strict=True)) for line in lines]
    return [
        {name: row[name] if name in _TEXTS else _number(row[name]) for name in COLUMNS}
        for row in table
    ]


_TEXTS = ("map", "method", "region")


def _number(text: str) -> float:
    return float("nan") if text == "n/a" else float(text)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else "n/a"
    return str(value)
