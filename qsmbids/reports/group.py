"""The figures of all maps in one table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from qsmbids.bids import write_text
from qsmbids.bids.results import find_failures, find_series

_COLUMNS = (
    *("participant", "series", "method", "volume_ml", "chi_p01_ppm", "chi_median_ppm"),
    *("chi_p99_ppm", "chi_sd_ppm", "warnings", "failure"),
)


def write_group_table(output_dir: Path, participants: Iterable[str]) -> tuple[Path, int]:
    """Write ``logs/group.tsv``: a row for each susceptibility map and for each failure.

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
    lines = ["\t".join(_COLUMNS)]
    lines += ["\t".join(str(row.get(column, "n/a")) for column in _COLUMNS) for row in rows]
    path = output_dir / "logs" / "group.tsv"
    write_text(path, "\n".join(lines) + "\n")
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
            }


def _failures(output_dir: Path, participant: str) -> Iterator[dict[str, Any]]:
    for failure in find_failures(output_dir, participant):
        yield {
            "participant": f"sub-{participant}",
            "series": failure.series,
            "failure": failure.message.replace("\t", " "),
        }
