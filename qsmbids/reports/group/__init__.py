"""A study at a glance: its tables, its mean maps in a template's space and its page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from qsmbids.bids.sidecar import write_text
from qsmbids.bids.variables import read_variables
from qsmbids.reports.group.page import render
from qsmbids.reports.group.regions import gather_regions, tabulate
from qsmbids.reports.group.rows import Row, gather_rows
from qsmbids.reports.group.tables import mark_outliers, write_group_tables
from qsmbids.reports.group.template_space import average


@dataclass(frozen=True)
class Group:
    """What was written of a study: the page, and the rows of its table."""

    page: Path
    rows: Sequence[Row]


def write_group(
    output_dir: Path, bids_dir: Path, participants: Sequence[str], missing: Iterable[Row] = ()
) -> Group:
    """Write ``group.html``, ``group.tsv``, ``group_regions.tsv`` and ``group/``.

    Parameters
    ----------
    output_dir : Path
        The output dataset.
    bids_dir : Path
        The raw dataset, whose ``participants.tsv`` has age, sex and group.
    participants : sequence of str
        Labels without ``sub-`` of those who have results or failures.
    missing : iterable of Row
        Series without a map and without a failure.

    Raises
    ------
    InputError
        If ``participants.tsv`` cannot be read.
    """
    variables = read_variables(bids_dir)
    rows = gather_rows(output_dir, participants)
    known = {row.series for row in rows}
    rows += [row for row in missing if row.series not in known]
    rows.sort(key=lambda row: (row.participant, row.series, row.method))
    mark_outliers(rows)
    regions = gather_regions(output_dir, participants)
    tables = tabulate(regions, variables)
    averages = average(output_dir, participants)
    write_group_tables(output_dir, rows, regions, variables)
    page = output_dir / "group.html"
    write_text(page, render(output_dir, rows, tables, variables, averages))
    return Group(page, rows)
