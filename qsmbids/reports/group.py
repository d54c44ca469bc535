"""The figures of all maps in one table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from qsmbids.bids import write_json, write_text
from qsmbids.bids.results import find_failures, find_series, read_json
from qsmbids.reports.checks.lights import lights_path

_COLUMNS = {
    "participant": "Label of the participant",
    "series": "Entities that the files of the series share",
    "method": "desc of the susceptibility map",
    "volume_ml": "Volume of the map in ml",
    "chi_p01_ppm": "1st percentile of susceptibility in ppm",
    "chi_median_ppm": "Median of susceptibility in ppm",
    "chi_p99_ppm": "99th percentile of susceptibility in ppm",
    "chi_sd_ppm": "Standard deviation of susceptibility in ppm",
    "warnings": "Number of warnings in the map's sidecar",
    "red": "Number of checks that are outside of their range",
    "leading": "What is likely wrong: the first of these checks in words",
    "failure": "Why the series failed",
}


def write_group_table(output_dir: Path, participants: Iterable[str]) -> tuple[Path, int]:
    """Write ``logs/group.tsv`` and its dictionary: a row for each map and for each failure.

    Returns
    -------
    path : Path
    rows : int
    """
    rows = [
        row
        for participant in participants
        for row in (*_maps(output_dir, participant), *_failures(output_dir, participant))
    ]
    every = dict.fromkeys(name for row in rows for name in row if name not in _COLUMNS)
    columns = [*_COLUMNS, *every]
    lines = ["\t".join(columns)]
    lines += ["\t".join(str(row.get(column, "n/a")) for column in columns) for row in rows]
    path = output_dir / "logs" / "group.tsv"
    write_text(path, "\n".join(lines) + "\n")
    words = _COLUMNS | dict.fromkeys(every, "Check of this name; its range stands on the page")
    write_json(path.with_suffix(".json"), {n: {"Description": text} for n, text in words.items()})
    return path, len(rows)


def _maps(output_dir: Path, participant: str) -> Iterator[dict[str, Any]]:
    for series in find_series(output_dir, participant):
        for method, image in series.chimaps.items():
            loaded: Any = nib.load(image.path)
            values = np.asarray(loaded.dataobj, dtype=np.float32)
            values = values[values != 0]
            low, middle, high = np.percentile(values, (1, 50, 99)) if values.size else (np.nan,) * 3
            edges = np.linalg.norm(loaded.affine[:3, :3], axis=0)
            yield {
                "participant": f"sub-{participant}",
                "series": series.key,
                "method": method,
                "volume_ml": f"{values.size * np.prod(edges) / 1000:.1f}",
                "chi_p01_ppm": f"{low:.4f}",
                "chi_median_ppm": f"{middle:.4f}",
                "chi_p99_ppm": f"{high:.4f}",
                "chi_sd_ppm": f"{values.std():.4f}",
                "warnings": len(image.provenance.get("Warnings") or []),
                **_lights(output_dir, participant, series.key, method),
            }


def _lights(output_dir: Path, participant: str, key: str, method: str) -> dict[str, Any]:
    """Return how many checks of a map are red, the first of them, and the value of each."""
    told = read_json(lights_path(output_dir, participant, key))
    if not told:
        return {}
    lights = [*told["Series"], *told["Maps"].get(method, [])]
    red = [light["Text"].replace("\t", " ") for light in lights if not light["Good"]]
    values = {_column(light["Name"]): light["Value"] for light in lights}
    return {"red": len(red), "leading": red[0] if red else "n/a", **values}


def _column(name: str) -> str:
    """Return a check's name as that of a column.

    >>> _column("Median R2*")
    'median_r2'
    """
    return "_".join(re.findall(r"[a-z0-9]+", name.lower().replace("'s", "s")))


def _failures(output_dir: Path, participant: str) -> Iterator[dict[str, Any]]:
    for failure in find_failures(output_dir, participant):
        yield {
            "participant": f"sub-{participant}",
            "series": failure.series,
            "failure": failure.message.replace("\t", " "),
        }
