"""Tables as BIDS writes them: TSV files, each with its data dictionary in JSON."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from qsmbids.bids.sidecar import write_json, write_text

MISSING = "n/a"


def write_table(
    path: Path,
    columns: Mapping[str, Mapping[str, Any]],
    rows: Iterable[Mapping[str, Any]],
    more: Mapping[str, Any] | None = None,
) -> None:
    """Write a TSV file and its dictionary, each as a whole.

    Parameters
    ----------
    path : Path
        Of the TSV file; the dictionary has the same name and ends with ``.json``.
    columns : mapping
        What the dictionary says of each column, in their order.
    rows : iterable of mapping
        Values by column; what is absent, None, NaN or empty becomes ``n/a``.
    more : mapping, optional
        What the dictionary says of the whole table.
    """
    lines = ["\t".join(columns)]
    lines += ["\t".join(_cell(row.get(column)) for column in columns) for row in rows]
    write_text(path, "\n".join(lines) + "\n")
    write_json(path.with_suffix(".json"), {**columns, **(more or {})})


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a TSV file, without the cells that are ``n/a``.

    Raises
    ------
    OSError, ValueError
        If it cannot be read.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE, restval=MISSING)
        try:
            rows = list(reader)
        except csv.Error as error:
            raise ValueError(str(error)) from error
    return [
        {name.strip(): text.strip() for name, text in row.items() if name and _known(text)}
        for row in rows
    ]


def _known(text: Any) -> bool:
    """Tell whether a cell says something; a list holds what is left over of a row too long."""
    return isinstance(text, str) and text.strip().lower() not in (MISSING, "")


def _cell(value: Any) -> str:
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    if isinstance(value, float):
        return f"{value:.6g}"
    return " ".join(str(value).split())
