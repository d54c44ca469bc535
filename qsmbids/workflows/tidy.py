"""What runs that were killed have left of a participant: locks, and files half written."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from qsmbids.bids import Series
from qsmbids.errors import InputError
from qsmbids.files import remove_parts
from qsmbids.settings import Settings
from qsmbids.workflows import locks, stage_names
from qsmbids.workflows.records import log_dir


def remove_unfinished(series: Series, settings: Settings) -> None:
    """Remove what was only partly written of a series; its participant must be held."""
    from qsmbids.workflows.participants import TOP  # brings Nipype

    name = f"sub-{series.participant}"
    remove_parts(settings.output_dir, of=f"{name}.html")
    for folder in (
        settings.output_dir / name,
        log_dir(settings, series.participant),
        settings.work_dir / TOP / stage_names.node_name(series.key),
    ):
        remove_parts(folder)


def tidy(done: Sequence[Series], settings: Settings) -> None:
    """Remove what is left of participants with nothing to do, unless another run has them.

    Who was killed has left a lock: only then is there anything to look for.
    """
    for series in done:
        if any(path.exists() for path in locks.paths([series], settings)):
            with suppress(InputError), locks.held([series], settings):
                remove_unfinished(series, settings)
