"""Whether trained weights are of use at all, by their scores and by the comparison."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

TRAINED = "trained"
"""The name of the trained weights in the table of the comparison."""
SIMPLEST = "tkd"
"""The method that they must surpass."""
USELESS = 75.0
"""Error in % beyond which a network has learnt next to nothing."""
REMEDY = "Train longer, and look at the curves."


def why_useless(card: Mapping[str, Any], table: Path) -> str:
    """Return why trained weights are not to be used; empty if nothing speaks against them.

    Parameters
    ----------
    card : mapping
        Their model card, with the scores on held-out samples.
    table : Path
        That of the comparison on held-out series; absent after a training without a dataset.
    """
    for what, scores in (card.get("scores") or {}).items():
        values = scores.values() if isinstance(scores, Mapping) else [scores]
        name, worst = what.removesuffix(" in %"), max(values, default=0.0)
        if name.endswith(("NRMSE", "field residual")) and worst > USELESS:
            return f"their {name} is {worst:.0f} %; that of a map of zeros is 100 %. {REMEDY}"
    errors = _errors(table)
    trained, simple = errors.get(TRAINED), errors.get(SIMPLEST)
    if not trained or not simple or np.mean(trained) < np.mean(simple):
        return ""
    return (
        f"on the held-out series their NRMSE is {np.mean(trained):.0f} %; that of {SIMPLEST}, which"
        f" needs no training, is {np.mean(simple):.0f} %. {REMEDY}"
    )


def _errors(table: Path) -> dict[str, list[float]]:
    """Return the NRMSE of all series by method, where the truth is known."""
    found: dict[str, list[float]] = {}
    if table.is_file():
        with table.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t"):
                if row.get("nrmse", "n/a") != "n/a":
                    found.setdefault(row["method"], []).append(float(row["nrmse"]))
    return found
