"""The names of a label image's values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from qsmbids.bids.names import entities_of, join
from qsmbids.errors import InputError


def label_table(path: Path) -> Path | None:
    """Return the table that names a label image's values: beside it, or inherited from above.

    Parameters
    ----------
    path : Path
        The label image.
    """
    stem = path.name.removesuffix(".gz").rpartition(".")[0]
    named = {name: value for name, value in entities_of(path).items() if name in ("seg", "desc")}
    shared = dict.fromkeys([f"{join(named)}_dseg.tsv".lstrip("_"), "dseg.tsv"])
    above = [folder / name for folder in path.parents[:4] for name in shared]
    tables = [path.with_name(f"{stem}.tsv"), *above]
    return next((one for one in tables if one.is_file()), None)


def label_names(path: Path) -> Mapping[int, str]:
    """Return the names of a label image's values from the table beside it or above it.

    Raises
    ------
    InputError
        If there is no table that can be read.
    """
    table = label_table(path)
    if table is None:
        raise InputError(
            f"{path.name} has no table of its labels; write dseg.tsv (columns index and name) "
            "into its dataset."
        )
    return read_label_table(table)


def read_label_table(table: Path) -> Mapping[int, str]:
    """Return the names of a table's labels.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        head, *rows = (
            line.split("\t") for line in table.read_text(encoding="utf-8").splitlines() if line
        )
        index, name = head.index("index"), head.index("name")
        return {int(row[index]): row[name] for row in rows}
    except (OSError, ValueError, IndexError) as error:
        raise InputError(
            f"{table} cannot be read as a table with the columns index and name; correct it."
        ) from error
