"""What a job of one participant takes: as measured before, else by the model of memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qsmbids.bids import Series
from qsmbids.bids.results import own_series
from qsmbids.settings import Settings
from qsmbids.workflows import resources

_PARENT_GB = 0.5  # the process that leads the others
_SPARE = 1.3
_START_SECONDS = 60.0


@dataclass(frozen=True)
class Demand:
    """Memory and time of the largest participant's job, with some to spare.

    Attributes
    ----------
    memory_gb : float
    seconds : float or None
        None where nothing was measured.
    source : str
        Where the figures are from, in a sentence.
    """

    memory_gb: float
    seconds: float | None
    source: str


def measured(output_dir: Path, participants: Iterable[str], processors: int) -> Demand | None:
    """Return what the jobs of participants who are done took, by the sidecars of their maps.

    Memory is that of the largest stages that may run side by side, time that of all stages one
    after the other.

    Parameters
    ----------
    output_dir, participants
        As in `qsmbids.reports.group.rows.gather_rows`.
    processors : int
        Of one job: as many stages run side by side.

    Returns
    -------
    Demand or None
        None where nothing is recorded.
    """
    memory, seconds, count = 0.0, 0.0, 0
    for label in participants:
        stages = list(_stages(output_dir, label))
        peaks = sorted((_number(stage, "PeakMemoryMB") for stage in stages), reverse=True)
        if peaks and peaks[0]:
            count += 1
            memory = max(memory, sum(peaks[:processors]) / 1000)
            seconds = max(seconds, sum(_number(stage, "Seconds") for stage in stages))
    if not count:
        return None
    return Demand(
        _SPARE * (memory + _PARENT_GB),
        _SPARE * seconds + _START_SECONDS,
        f"the largest of {count} participants who are done, and {_SPARE - 1:.0%} more",
    )


def predicted(series: Iterable[Series], settings: Settings) -> Demand:
    """Return what the jobs will take by the model of memory; the time is not known.

    Parameters
    ----------
    series : iterable of Series
        All that is to be processed.
    settings : Settings
        How.
    """
    need = max(
        resources.series_memory(
            resources.voxels_of(one), max(len(one.echo_times), 1), settings.methods
        )
        for one in series
    )
    return Demand(
        _SPARE * (need + _PARENT_GB),
        None,
        "by the model of memory for the largest series; write the script again once some "
        "participants are done, and it is measured",
    )


def _stages(output_dir: Path, participant: str) -> Iterable[Mapping[str, Any]]:
    """Give each stage of a participant's maps once."""
    for series in own_series(output_dir, participant):
        seen = set()
        for image in series.chimaps.values():
            for stage in image.provenance.get("Stages") or []:
                if isinstance(stage, Mapping) and (text := json.dumps(stage)) not in seen:
                    seen.add(text)
                    yield stage


def _number(stage: Mapping[str, Any], name: str) -> float:
    value = stage.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
