"""The page's tables of regions: what the maps hold, beside the iron published for the age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qsmbids.bids.dataset import raw_dataset
from qsmbids.bids.series_results import SeriesResults, read_json
from qsmbids.bids.tables import read_table
from qsmbids.bids.variables import read_variables
from qsmbids.errors import InputError
from qsmbids.regions.normal import iron, susceptibility_of
from qsmbids.regions.parcellation import SIDES, without_side
from qsmbids.reports.citations import CITATIONS
from qsmbids.reports.region_picture import region_pictures

_UNITS = {"Chimap": ("ppm", 3), "R2starmap": ("1/s", 1)}
_REFERENCES = ("hallgren1958", "zheng2013")
_END = "_regions.tsv"

Rows = Sequence[Mapping[str, str]]


def region_tables(
    output_dir: Path, participant: str, series: SeriesResults
) -> list[dict[str, Any]]:
    """Return the tables of a series' regions, one an atlas or segmentation.

    Parameters
    ----------
    output_dir, participant, series
        As in `qsmbids.reports.series_section.series_section`.

    Returns
    -------
    list of dict
        For the partial ``regions.html.j2``. A table that cannot be read is left out.
    """
    age = _age(output_dir, participant)
    folder = output_dir / f"sub-{participant}"
    found = []
    for path in sorted(folder.rglob(f"{series.key}_seg-*{_END}")):
        try:
            rows = [row for row in read_table(path) if row["voxels"] != "0"]
            labels = path.with_name(path.name.replace(_END, "_dseg.nii.gz"))
            pictures = region_pictures(series, labels)
            found.append({**_table(path, rows, age), "pictures": pictures})
        except (OSError, ValueError, KeyError):
            continue
    return found


def _table(path: Path, rows: Rows, age: float | None) -> dict[str, Any]:
    maps = list(dict.fromkeys((row["map"], row.get("method", "")) for row in rows))
    regions = list(dict.fromkeys(without_side(row["region"]) for row in rows))
    values = {(row["map"], row.get("method", ""), row["region"]): row for row in rows}
    told = read_json(path.with_suffix(".json")).get("Qsmbids")
    how = told if isinstance(told, Mapping) else {}
    body = [_row(region, maps, values, age) for region in regions]
    known = any(row["iron"] for row in body)
    return {
        "atlas": path.name.removesuffix(_END).rpartition("_seg-")[2],
        "age": age,
        "maps": [{"title": _title(*one), "unit": _UNITS.get(one[0], ("", 3))[0]} for one in maps],
        "rows": body,
        "method": str(how.get("Method", "")),
        "references": sorted({str(one) for one in dict(how.get("Reference") or {}).values()}),
        "warnings": [str(text) for text in how.get("Warnings") or []],
        "iron": known,
        "citations": [CITATIONS[name] for name in _REFERENCES] if known else [],
    }


def _row(
    region: str,
    maps: Sequence[tuple[str, str]],
    values: Mapping[tuple[str, str, str], Mapping[str, str]],
    age: float | None,
) -> dict[str, Any]:
    """Return the row of a region: for each map what its sides hold, or the one that has none."""
    names = [region] if any((*one, region) in values for one in maps) else list(_sided(region))
    cells = [
        [_number(values.get((*one, name)), _UNITS.get(one[0], ("", 3))[1]) for name in names]
        for one in maps
    ]
    kept = [float(row["share_kept"]) for (*_, name), row in values.items() if name in names]
    expected = None if age is None else iron(region, age)
    return {
        "region": region,
        "cells": [(cell[0], cell[1], 1) if len(cell) > 1 else (cell[0], None, 2) for cell in cells],
        "kept": f"{100 * min(kept, default=0):.0f} %",
        "iron": expected and f"{expected:.1f}",
        "adds": expected and f"{susceptibility_of(expected):.3f}",
    }


def _sided(region: str) -> tuple[str, ...]:
    return tuple(f"{side} {region}" for side in SIDES)


def _number(row: Mapping[str, str] | None, digits: int) -> str:
    """Return a mean with its standard deviation, empty where nothing is known."""
    if row is None or "mean" not in row:
        return ""
    return f"{float(row['mean']):z.{digits}f} ({float(row['sd']):.{digits}f})"


def _title(kind: str, method: str) -> str:
    return f"Susceptibility, {method}" if kind == "Chimap" else kind.replace("starmap", "*")


def _age(output_dir: Path, participant: str) -> float | None:
    """Return the participant's age, as far as ``participants.tsv`` of the raw dataset has it."""
    root = raw_dataset(output_dir)
    try:
        known = read_variables(root).get(participant, {}) if root else {}
    except InputError:
        return None
    age = known.get("age")
    return age if isinstance(age, float) else None
