"""The participants' pages that a run does not write by itself."""

from __future__ import annotations

from qsmbids.bids import Inventory, Skipped
from qsmbids.errors import sentence
from qsmbids.settings import Settings
from qsmbids.workflows import records
from qsmbids.workflows.progress import Progress


def complete_pages(
    inventory: Inventory, settings: Settings, stale: set[str], progress: Progress
) -> None:
    """Write pages that are missing, stale or older than the record of a failure."""
    told = {item.participant for item in inventory.skipped if item.error}
    for participant in sorted(told | {series.participant for series in inventory.series}):
        page = settings.output_dir / f"sub-{participant}.html"
        failures = records.log_dir(settings, participant).glob("*_error.json")
        latest = max((path.stat().st_mtime for path in failures), default=0.0)
        missing = not page.is_file() or page.stat().st_mtime < latest
        if missing or participant in stale:
            _write_page(participant, settings, progress)


def _write_page(participant: str, settings: Settings, progress: Progress) -> None:
    from qsmbids.interfaces.reporting import write_report

    try:
        write_report(settings.output_dir, participant)
    except Exception as error:  # one page must not keep the others from being made
        key = f"sub-{participant}"
        reason = f"{key}: the report could not be written: {sentence(error)}"
        progress.skipped(Skipped(key, participant, reason, error=True))
