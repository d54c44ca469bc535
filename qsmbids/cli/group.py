"""The group level: the figures of all maps in one table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qsmbids.bids import write_text
from qsmbids.cli.texts import participants_made
from qsmbids.settings import Settings

_COLUMNS = (
    *("participant", "series", "method", "volume_ml", "chi_p01_ppm", "chi_median_ppm"),
    *("chi_p99_ppm", "chi_sd_ppm", "warnings", "failure"),
)


def write_group_table(settings: Settings) -> int:
    """Write ``logs/group.tsv``: a row for each susceptibility map and for each failure."""
    rows = [
        row
        for participant in participants_made(settings)
        for row in (*_maps(settings, participant), *_failures(settings, participant))
    ]
    lines = ["\t".join(_COLUMNS)]
    lines += ["\t".join(str(row.get(column, "n/a")) for column in _COLUMNS) for row in rows]
    path = settings.output_dir / "logs" / "group.tsv"
    write_text(path, "\n".join(lines) + "\n")
    print(f"{path}: {len(rows)} rows")
    return 0


def _maps(settings: Settings, participant: str) -> Iterator[dict[str, Any]]:
    import nibabel as nib
    import numpy as np

    from qsmbids.bids.results import find_series

    for series in find_series(settings.output_dir, participant):
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


def _failures(settings: Settings, participant: str) -> Iterator[dict[str, Any]]:
    from qsmbids.bids.results import find_failures

    for failure in find_failures(settings.output_dir, participant):
        yield {
            "participant": f"sub-{participant}",
            "series": failure.series,
            "failure": failure.message.replace("\t", " "),
        }
