"""The tables of an evaluation as files, each with its data dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from qsmbids.bids.names import entities_of
from qsmbids.bids.tables import write_table
from qsmbids.evaluation import METRICS, RESOURCES, PairedTest, Summary

OK, FAILED = "ok", "failed"

_SERIES = {
    "participant_id": "participant",
    "series": "entities that the maps of one series share",
    "method": "method that made the map",
}
_PAIR = {"metric": "column of metrics.tsv", "first": "first method", "second": "second method"}
_HOLM = "corrected after Holm for the pairs of this metric"
_TEXTS: dict[str, dict[str, str]] = {
    "metrics": {
        "participant_id": "participant",
        "session_id": "session",
        **_SERIES,
        "status": "ok, or failed: see message",
        "voxels": "voxels in which the map was measured",
        **{name: f"{one.better} is better" for name, one in {**METRICS, **RESOURCES}.items()},
        "message": "why the map was not measured, or what to know of the numbers",
    },
    "summary": {
        "method": "method that made the maps",
        "metric": "column of metrics.tsv",
        "mean": "mean over participants",
        "sd": "standard deviation over participants",
        "n": "participants; several series of one were averaged first",
    },
    "comparisons": {
        **_PAIR,
        "n": "participants with both",
        "difference": "mean of first minus second",
        "sd": "standard deviation of the differences",
        "cohens_dz": "effect size: difference over sd",
        "rank_biserial": "effect size of the signed-rank test, -1 to 1",
        "p_wilcoxon": "two-sided p of the Wilcoxon signed-rank test",
        "p_t": "two-sided p of the paired t-test",
        "p_wilcoxon_holm": _HOLM,
        "p_t_holm": _HOLM,
        "note": "why the tests say little, where they do",
    },
    "regions": {
        **_SERIES,
        "region": "nucleus of the deep grey matter",
        "reference": "its mean relative to that of the mask",
        "map": "the same of the map",
    },
}


def _about(column: str, text: str) -> dict[str, str]:
    """Return what a data dictionary says of a column."""
    metric = METRICS.get(column) or RESOURCES.get(column)
    unit = metric.unit if metric else "ppm" if column in ("reference", "map") else ""
    named = {"LongName": metric.label} if metric else {}
    return named | {"Description": text} | ({"Units": unit} if unit else {})


COLUMNS = {
    table: {column: _about(column, text) for column, text in texts.items()}
    for table, texts in _TEXTS.items()
}
"""Columns of each table and what they mean."""


@dataclass
class Row:
    """What was found of one map.

    Attributes
    ----------
    series, method : str
        Which one.
    status : str
        ``OK`` or ``FAILED``.
    values : dict of str to float
        By the names of ``METRICS`` and ``RESOURCES``.
    nuclei : dict of str to (float, float)
        Means in the deep grey matter: of the reference, of the map.
    voxels : int
        In which it was measured.
    message : str
        Why it was not measured, or what to know.
    """

    series: str
    method: str
    status: str = OK
    values: dict[str, float] = field(default_factory=dict)
    nuclei: dict[str, tuple[float, float]] = field(default_factory=dict)
    voxels: int = 0
    message: str = ""

    @property
    def participant(self) -> str:
        """The participant with ``sub-``."""
        return self.series.split("_")[0]

    def cells(self) -> dict[str, Any]:
        """Return the row of ``metrics.tsv``."""
        session = entities_of(Path(f"{self.series}_Chimap")).get("ses")
        return {
            "participant_id": self.participant,
            "session_id": f"ses-{session}" if session else None,
            "series": self.series,
            "method": self.method,
            "status": self.status,
            "voxels": self.voxels or None,
            **self.values,
            "message": self.message or None,
        }


def write_tables(
    folder: Path, rows: Sequence[Row], summary: Sequence[Summary], tests: Sequence[PairedTest]
) -> None:
    """Write ``metrics``, ``summary``, ``comparisons`` and ``regions`` as TSV and JSON."""
    _write(folder, "metrics", (row.cells() for row in rows))
    _write(folder, "summary", (asdict(one) for one in summary))
    _write(folder, "comparisons", (asdict(one) for one in tests))
    _write(
        folder,
        "regions",
        (
            {**row.cells(), "region": name, "reference": reference, "map": value}
            for row in rows
            for name, (reference, value) in row.nuclei.items()
        ),
    )


def _write(folder: Path, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    write_table(folder / f"{name}.tsv", COLUMNS[name], rows)
