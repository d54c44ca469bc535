"""The tables of a study at the root of the output folder, and what stands out in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from qsmbids.bids.tables import write_table
from qsmbids.reports.group import regions
from qsmbids.reports.group.rows import STATUS, Measure, Row
from qsmbids.reports.group.statistics import outliers

Variables = Mapping[str, Mapping[str, float | str]]

_COLUMNS: dict[str, dict[str, Any]] = {
    "participant_id": {"Description": "Label of the participant"},
    "session_id": {"Description": "Label of the session"},
    "series": {"Description": "Entities that the files of the series share"},
    "method": {"Description": "desc of the susceptibility map"},
    "status": {"Description": "How it went", "Levels": STATUS},
    "red": {"Description": "Number of checks that are outside of their range"},
    "warnings": {"Description": "Number of warnings in the map's sidecar"},
    "message": {"Description": "What is likely wrong, why it failed, or why it is missing"},
    "outliers": {
        "Description": "Measures by which the map stands out in the study: further than 3.5 "
        "robust standard deviations (1.4826 MAD) from the median of its method"
    },
}


def measures_of(rows: Iterable[Row]) -> list[Measure]:
    """Return every measure of a study, those of whole series first."""
    every = dict.fromkeys(measure for row in rows for measure in row.lights)
    return sorted(every, key=lambda measure: not measure.of_series)


def mark_outliers(rows: Sequence[Row]) -> None:
    """Note by which measures each map stands out among those of its method."""
    lanes: dict[tuple[Measure, str], list[Row]] = {}
    for row in rows:
        for measure in row.lights:
            lanes.setdefault((measure, row.method), []).append(row)
    for (measure, _), lane in lanes.items():
        standing_out = outliers([row.lights[measure].value for row in lane])
        for row, out in zip(lane, standing_out, strict=True):
            if out:
                row.outliers.append(measure.name)


def write_group_tables(
    output_dir: Path,
    rows: Sequence[Row],
    region_rows: Sequence[Mapping[str, object]],
    variables: Variables,
) -> None:
    """Write ``group.tsv``, and ``group_regions.tsv`` if there are region values.

    Parameters
    ----------
    output_dir : Path
        Where they go.
    rows : sequence of Row
        Maps, failures and what is missing.
    region_rows : sequence of mapping
        Of all region tables, see `regions.gather_regions`.
    variables : mapping
        Age, sex and group by participant.
    """
    measures = measures_of(rows)
    units = {m.column: {"Units": m.unit} if m.unit else {} for m in measures}
    columns = _COLUMNS | {
        m.column: {
            "LongName": m.name,
            "Description": "Check of this name; its range stands on the participant's page",
            **units[m.column],
        }
        for m in measures
    }
    write_table(output_dir / "group.tsv", columns, map(_cells, rows))
    if region_rows:
        known = (
            {**row, **variables.get(str(row["participant_id"]).removeprefix("sub-"), {})}
            for row in region_rows
        )
        write_table(output_dir / "group_regions.tsv", regions.COLUMNS, known)


def _cells(row: Row) -> dict[str, Any]:
    values = {measure.column: light.value for measure, light in row.lights.items()}
    return {
        "participant_id": f"sub-{row.participant}",
        "session_id": row.session,
        "series": row.series,
        "method": row.method,
        "status": row.status,
        "red": row.red if row.method else None,
        "warnings": row.warnings if row.method else None,
        "message": row.message,
        "outliers": ", ".join(row.outliers),
        **values,
    }
