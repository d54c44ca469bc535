"""Who and what is missing from the results, and why."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qsmbids.bids import Inventory
from qsmbids.bids.participants import bare, participants_of
from qsmbids.errors import InputError
from qsmbids.settings import Settings
from qsmbids.workflows import records

if TYPE_CHECKING:  # who asks for labels alone need not wait for what makes pages
    from qsmbids.reports.group.rows import Row


def missing_labels(inventory: Inventory, settings: Settings) -> list[str]:
    """Return the labels of the participants of whom a series is not done, or no longer valid."""
    undone = (one.participant for one in inventory.series if not records.is_done(one, settings))
    return sorted(set(undone))


def missing_rows(settings: Settings, made: Collection[str]) -> list[Row]:
    """Return the series that have neither a map nor a failure, each with the reason.

    Only participants of whom a session, or everything, is missing are looked for in the dataset.

    Parameters
    ----------
    settings : Settings
        Of the run.
    made : collection of str
        Labels of those who have results or failures.

    Raises
    ------
    UsageError
        If a participant who is asked for is not in the dataset.
    """
    from qsmbids.bids.find import find_series
    from qsmbids.bids.leftovers import left_out

    wanted = settings.participants or participants_of(settings.bids_dir)
    labels = sorted({bare(label, "sub-") for label in wanted})
    lacking = tuple(one for one in labels if one not in made or _sessions_missing(one, settings))
    if not lacking:
        return []
    some = replace(settings, participants=lacking)
    try:
        inventory = find_series(some)
    except InputError:  # nothing of them can be processed
        none = (label for label in lacking if label not in made)
        return [_row(label, f"sub-{label}", left_out(some, label)) for label in none]
    again = "not processed yet, or stopped before it was done; process the participant again."
    return [
        *(_row(one.participant, one.key, again) for one in inventory.series),
        *(_row(one.participant, one.key, one.reason) for one in inventory.skipped),
    ]


def _row(participant: str, key: str, reason: str) -> Row:
    from qsmbids.reports.group.rows import MISSING, Row

    return Row(participant, key, status=MISSING, message=reason)


def _sessions_missing(label: str, settings: Settings) -> bool:
    there, made = (
        {path.name for path in Path(root, f"sub-{label}").glob("ses-*")}
        for root in (settings.bids_dir, settings.output_dir)
    )
    return bool(there - made)
