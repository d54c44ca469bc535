"""All lights of a series as a file, for the last lines of a run, the group table and programs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from qsmbids.bids import write_json
from qsmbids.reports.checks.check import Check


def lights_path(output_dir: Path, participant: str, key: str) -> Path:
    """Return where the lights of a series stand."""
    return output_dir / "logs" / f"sub-{participant}" / f"{key}_lights.json"


def write_lights(
    path: Path, series: Iterable[Check], maps: Mapping[str, Iterable[Check]], failure: str
) -> None:
    """Write the checks of a series and those of its maps by their ``desc``, the worst first.

    ``failure`` says why the last run of the series failed; empty if it did not.
    """
    write_json(
        path,
        {
            "Failure": failure,
            "Series": [_plain(check) for check in series],
            "Maps": {desc: [_plain(check) for check in checks] for desc, checks in maps.items()},
        },
    )


def _plain(check: Check) -> dict[str, Any]:
    low, high = (None if math.isinf(end) else end for end in check.expected)
    value = round(check.value, 6) if math.isfinite(check.value) else None
    block = {"Name": check.name, "Value": value, "Units": check.unit, "From": low, "To": high}
    return {**block, "Good": check.good, "Text": "" if check.good else check.text}
