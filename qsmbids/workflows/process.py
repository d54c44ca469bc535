"""Processing of all series of a dataset that are not done yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from qsmbids.bids import Inventory, Series, write_dataset_description
from qsmbids.bids.dataset import make_writable
from qsmbids.settings import Settings
from qsmbids.workflows import beside, locks, preflight, records
from qsmbids.workflows.pages import complete_pages
from qsmbids.workflows.progress import Progress
from qsmbids.workflows.run_log import Draw
from qsmbids.workflows.templates import with_templates
from qsmbids.workflows.tidy import tidy
from qsmbids.workflows.validation import Validation
from qsmbids.workflows.workers import set_environment, start_server

_MOST_THREADS = 8
_BATCH = 8  # series for each processor in one graph: large enough to keep all of them busy


def process(inventory: Inventory, settings: Settings, draw: Draw | None = None) -> int:
    """Process all series that are not done yet and return the exit code.

    ``draw`` makes the live display of a terminal, see `Progress`.
    """
    preflight.demand_packages(settings)
    _prepare(settings)
    settings, absent = with_templates(settings)
    undone = [series for series in inventory.series if not records.is_done(series, settings)]
    # What a combination of orientations takes is no derivative: its series go through again.
    again = {one.key for series in undone for one in series.orientations}
    waiting = {series.key for series in undone} | again
    todo = [series for series in inventory.series if series.key in waiting]
    ready = [series for series in inventory.series if series.key not in waiting]
    for series in ready:
        records.renew(series, settings)
    tidy(ready, settings)
    stale = {series.participant for series in ready if records.forget_failure(series, settings)}
    preflight.demand_registration(todo, settings)
    if todo and settings.plugin is None:
        start_server()
    with locks.held(todo, settings), Progress(settings, inventory, todo, draw) as progress:
        for text in absent:
            progress.line(text, error=True)
        _note_skipped(inventory, settings, progress)
        records.note_run(settings, {series.participant for series in todo}, progress.path)
        if todo:
            with Validation(settings, progress):
                _process(todo, _share_threads(settings, len(todo)), progress)
        complete_pages(inventory, settings, stale, progress)
        return progress.summarise()


def _process(todo: Sequence[Series], settings: Settings, progress: Progress) -> None:
    for series in todo:
        for reason in beside.left_out(series, settings):
            progress.line(f"{series.key}: {reason}.")
    sizes = preflight.sizes(todo, settings, progress)
    todo = [series for series in todo if series.key in sizes]
    if not todo:
        return
    preflight.check_space(todo, sizes, settings)
    preflight.check_memory(todo, sizes, settings, progress)
    set_environment()
    # Nipype takes half a second to import
    from qsmbids.workflows.run import Runner

    runner = Runner(settings, progress)
    try:
        for batch in _batches(todo, _BATCH * settings.nprocs):
            runner.run({p: [(s, sizes[s.key]) for s in members] for p, members in batch.items()})
            if settings.stop_on_first_crash and progress.failures:
                break
    except BaseException:
        runner.close(kill=True)
        raise
    runner.close(kill=bool(settings.stop_on_first_crash and progress.failures))


def _prepare(settings: Settings) -> None:
    """Make the folders and the files at the root of the output dataset."""
    for folder in (settings.output_dir / "logs", settings.work_dir):
        make_writable(folder)
    write_dataset_description(settings)


def _note_skipped(inventory: Inventory, settings: Settings, progress: Progress) -> None:
    """Say which series are skipped, and record it for the participants' pages."""
    for item in inventory.skipped:
        progress.skipped(item)
        if item.error:
            records.write_failure(
                settings, item.participant, item.key, stage="input", message=item.reason
            )


def _share_threads(settings: Settings, series: int) -> Settings:
    """Give the processors that the number of series leaves over to each stage."""
    share = settings.omp_nthreads or min(
        settings.nprocs // min(series, settings.nprocs), _MOST_THREADS
    )
    return replace(settings, omp_nthreads=max(1, min(share, settings.nprocs)))


def _batches(todo: Sequence[Series], size: int) -> Iterator[dict[str, list[Series]]]:
    """Yield whole participants, about ``size`` series at a time."""
    batch: dict[str, list[Series]] = {}
    groups: dict[str, list[Series]] = {}
    for series in todo:
        groups.setdefault(series.participant, []).append(series)
    for participant, members in groups.items():
        batch[participant] = members
        if sum(map(len, batch.values())) >= size:
            yield batch
            batch = {}
    if batch:
        yield batch
