"""What ``participants.tsv`` says of participants."""

from __future__ import annotations

import math
from pathlib import Path

from qsmbids.bids.tables import read_table
from qsmbids.errors import InputError

VARIABLES = ("age", "sex", "group")


def read_variables(bids_dir: Path) -> dict[str, dict[str, float | str]]:
    """Return age, sex and group of each participant, as far as ``participants.tsv`` has them.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    path = bids_dir / "participants.tsv"
    if not path.is_file():
        return {}
    try:
        rows = read_table(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read ({error}); correct it: group takes age, sex and group from it."
        ) from error
    found = {}
    for row in rows:
        lower = {name.lower(): text for name, text in row.items()}
        known = {name: _number(lower[name], name) for name in VARIABLES if name in lower}
        label = row.get("participant_id", "").removeprefix("sub-")
        found[label] = {name: value for name, value in known.items() if value is not None}
    return found


def _number(text: str, name: str) -> float | str | None:
    """Return an age as a number, ``89+`` too; what else there is, as text."""
    if name != "age":
        return text
    try:
        value = float(text.rstrip("+"))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
