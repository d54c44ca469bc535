"""What ``--dry-run`` prints."""

from __future__ import annotations

from collections.abc import Iterator

from qsmbids.bids import Inventory, Series
from qsmbids.settings import Settings
from qsmbids.workflows import plan, records


def describe_run(inventory: Inventory, settings: Settings) -> str:
    """Return what a run would do, for whom, with which parameters, and what is skipped and why."""
    lines = [
        f"{settings.bids_dir} -> {settings.output_dir} (work directory {settings.work_dir})",
        f"{settings.nprocs} processors, {settings.mem_gb:.1f} GB",
    ]
    done = 0
    for participant in inventory.participants:
        lines.append(f"sub-{participant}")
        for series in inventory.series:
            if series.participant == participant:
                ready = records.is_done(series, settings)
                done += ready
                lines += _series(series, settings, ready)
        for item in inventory.skipped:
            if item.participant == participant:
                lines.append(f"  {item.key}: skipped: {item.reason}")
    lines.append(
        f"{len(inventory.series) - done} series to process, {done} done already, "
        f"{len(inventory.skipped)} skipped; nothing was done (--dry-run)."
    )
    return "\n".join(lines)


def _series(series: Series, settings: Settings, ready: bool) -> Iterator[str]:
    if ready:
        yield f"  {series.key}: done already"
        return
    strength = f", {series.field_strength:g} T" if series.field_strength else ""
    echoes = ", ".join(f"{1000 * time:g}" for time in series.echo_times)
    yield f"  {series.key}: {series.start}{strength}" + (f", echoes at {echoes} ms" * bool(echoes))
    for stage, how in plan.steps(series, settings):
        yield f"    {stage}: {how}"
    for warning in series.warnings:
        yield f"    note: {warning}"
    for path in plan.outputs(series, settings):
        yield f"    -> {path.relative_to(settings.output_dir)}"
