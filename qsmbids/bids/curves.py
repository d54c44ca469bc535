"""The course of an iterative fit as a table: a column a quantity, a row an iteration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from qsmbids.bids.sidecar import write_text


def write_curves(path: Path, curves: Mapping[str, Sequence[float]]) -> None:
    """Write curves of equal length; the first row is what the fit started from, iteration 0."""
    rows = ["\t".join(("iteration", *curves))]
    for iteration, values in enumerate(zip(*curves.values(), strict=True)):
        rows.append("\t".join((str(iteration), *(f"{value:.6g}" for value in values))))
    write_text(path, "\n".join(rows) + "\n")


def read_curves(path: Path) -> dict[str, list[float]]:
    """Return the curves of a table; none if it is absent or damaged."""
    try:
        head, *rows = path.read_text(encoding="utf-8").splitlines()
        columns = zip(*([float(text) for text in row.split("\t")] for row in rows), strict=True)
        named = dict(zip(head.split("\t"), map(list, columns), strict=True))
    except (OSError, ValueError):
        return {}
    return {name: values for name, values in named.items() if name != "iteration"}
