"""``qsmbids BIDS OUT participant`` and ``group``: doing what the settings ask for."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from qsmbids.bids import Inventory, Series, with_orientations
from qsmbids.errors import InputError, readable
from qsmbids.inversion import COMBINATIONS
from qsmbids.settings import Settings
from qsmbids.workflows import beside, plan, records
from qsmbids.workflows.weights import with_digests


def run(settings: Settings) -> int:
    """Do what the settings ask for and return the exit code, 0 or 1."""
    if settings.mode == "group":
        return _group(settings)
    if settings.mode == "reports-only":
        return _from_results(settings)
    settings = with_digests(settings)
    inventory = _find(settings)
    if settings.mode == "missing":
        return _name_missing(inventory, settings)
    if settings.mode == "dry-run":
        print(readable(describe_run(inventory, settings)))
        return int(any(item.error for item in inventory.skipped))
    if settings.mode == "boilerplate-only":
        from qsmbids.workflows.boilerplate import write_boilerplate

        print("\n".join(write_boilerplate(inventory, settings)))
        return 0
    from qsmbids.workflows.process import process

    return process(inventory, settings, _make_live)


def _make_live(snapshot: Callable[[], dict[str, Any]]) -> Any:
    from qsmbids.cli.display import make_live  # where there is a terminal

    return make_live(snapshot)


def _name_missing(inventory: Inventory, settings: Settings) -> int:
    """Print the labels of those who have to be processed, a line each; all else goes to stderr."""
    from qsmbids.workflows.missing import missing_labels

    for item in inventory.skipped:
        if item.error:
            print(readable(item.reason), file=sys.stderr)
    for label in missing_labels(inventory, settings):
        print(label)
    return 0


def _group(settings: Settings) -> int:
    """Write the page and the tables of the study from what stands in the output folder."""
    from qsmbids.bids.dataset import write_ignored
    from qsmbids.bids.participants import bare
    from qsmbids.bids.results import participants_made
    from qsmbids.reports.group import write_group
    from qsmbids.workflows.missing import missing_rows

    wanted = {bare(label, "sub-") for label in settings.participants}
    made = [one for one in participants_made(settings.output_dir) if one in wanted or not wanted]
    write_ignored(settings.output_dir)
    group = write_group(settings.output_dir, settings.bids_dir, made, missing_rows(settings, made))
    counts = Counter(row.status for row in group.rows)
    print(", ".join(f"{number} {status}" for status, number in counts.most_common()))
    print(group.page)
    return 0


def _from_results(settings: Settings) -> int:
    """Write the participants' pages from what stands in the output folder."""
    from qsmbids.bids.results import participants_made

    participants = participants_made(settings.output_dir, settings.participants)
    from qsmbids.interfaces.reporting import write_report

    for participant in participants:
        print(write_report(settings.output_dir, participant))
    return 0


def _find(settings: Settings) -> Inventory:
    """Find every series, and the head orientations that methods of the run combine."""
    from qsmbids.bids.find import find_series

    inventory = find_series(settings)
    beside.demand_one_study(inventory.series, settings)
    groups = [
        COMBINATIONS[name].resolve(settings.options.get(name, {}))["group"]
        for name in settings.combinations
    ]
    if not groups:
        return inventory
    combined = with_orientations(inventory, groups[0])
    if any(series.orientations for series in combined.series):
        return combined
    reason = next((one.reason for one in combined.skipped if one not in inventory.skipped), "")
    raise InputError(
        f"--method {settings.combinations[0]}: no participant has a head in two orientations. "
        f"{reason} Choose another method, or add orientations."
    )


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
    for warning in [*series.warnings, *beside.left_out(series, settings)]:
        yield f"    note: {warning}"
    for path in plan.outputs(series, settings):
        yield f"    -> {path.relative_to(settings.output_dir)}"
