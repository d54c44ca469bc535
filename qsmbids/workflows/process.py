"""Processing of all series of a dataset that are not done yet."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace

from qsmbids.bids import Inventory, Series, Skipped, write_dataset_description
from qsmbids.bids.check import read_grid
from qsmbids.bids.dataset import make_writable
from qsmbids.errors import InputError, sentence
from qsmbids.inversion import METHODS
from qsmbids.settings import Settings
from qsmbids.workflows import beside, locks, records, resources
from qsmbids.workflows.plan import atlases_of, spaces_of
from qsmbids.workflows.progress import Draw, Progress
from qsmbids.workflows.templates import with_templates
from qsmbids.workflows.tidy import tidy
from qsmbids.workflows.validation import Validation
from qsmbids.workflows.workers import set_environment

_MOST_THREADS = 8
_BATCH = 8  # series for each processor in one graph: large enough to keep all of them busy


def process(inventory: Inventory, settings: Settings, draw: Draw | None = None) -> int:
    """Process all series that are not done yet and return the exit code.

    ``draw`` makes the live display of a terminal, see `Progress`.
    """
    _demand_device(settings)
    if settings.extraction == "hd-bet":
        from qsmbids.masking.hdbet import demand

        demand()
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
    _demand_registration(todo, settings)
    with locks.held(todo, settings), Progress(settings, inventory, todo, draw) as progress:
        for text in absent:
            progress.line(text, error=True)
        _note_skipped(inventory, settings, progress)
        records.note_run(settings, {series.participant for series in todo}, progress.path)
        if todo:
            with Validation(settings, progress):
                _process(todo, _share_threads(settings, len(todo)), progress)
        _complete_pages(inventory, settings, stale, progress)
        return progress.summarise()


def _process(todo: Sequence[Series], settings: Settings, progress: Progress) -> None:
    for series in todo:
        for reason in beside.left_out(series, settings):
            progress.line(f"{series.key}: {reason}.")
    sizes = _sizes(todo, settings, progress)
    todo = [series for series in todo if series.key in sizes]
    if not todo:
        return
    _check_space(todo, sizes, settings)
    _check_memory(todo, sizes, settings, progress)
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


def _demand_device(settings: Settings) -> None:
    """Refuse a graphics processor that is not there; where none is demanded, nothing is asked."""
    if settings.device != "cuda" or not any(METHODS[m].takes("device") for m in settings.methods):
        return
    from qsmbids.networks.device import pick_device

    pick_device(settings.device)


def _demand_registration(todo: Sequence[Series], settings: Settings) -> None:
    """Refuse what cannot be registered, before hours are spent on it."""
    if any(atlases_of(one, settings) or spaces_of(one, settings) for one in todo):
        from qsmbids.registration import demand_simpleitk

        demand_simpleitk("Heads are registered to a template")
    # where the sidecars state B0, the fields may lie on one grid already
    if any(one.b0_dir is None for series in todo for one in series.orientations[1:]):
        from qsmbids.registration import demand_simpleitk

        demand_simpleitk()


def _prepare(settings: Settings) -> None:
    """Make the folders and the files at the root of the output dataset."""
    for folder in (settings.output_dir / "logs", settings.work_dir):
        make_writable(folder)
    write_dataset_description(settings)


def _note_skipped(inventory: Inventory, settings: Settings, progress: Progress) -> None:
    """Say which series are skipped, and leave a word for the participants' pages."""
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


def _sizes(todo: Sequence[Series], settings: Settings, progress: Progress) -> dict[str, int]:
    """Return the voxels of a volume of each series; what cannot be processed fails by itself."""
    sizes: dict[str, int] = {}
    for series in todo:
        try:
            _check_template(series, settings)
            sizes[series.key] = resources.voxels_of(series)
        except InputError as error:
            _give_up(series, str(error), settings, progress)
    free = shutil.disk_usage(settings.work_dir).free
    needs = {
        s.key: resources.disk_space(s, settings, sizes[s.key])[0] for s in todo if s.key in sizes
    }
    if min(needs.values(), default=0) <= free:  # else the disk is full for everybody
        for series in todo:
            need = needs.get(series.key, 0)
            if need > free:
                del sizes[series.key]
                reason = (
                    f"{series.images[0].name} is so large by its header that about "
                    f"{need / 1e9:.3g} GB are needed and {settings.work_dir} has "
                    f"{free / 1e9:.3g} GB free; check its dimensions, or free space."
                )
                _give_up(series, reason, settings, progress)
    return sizes


def _check_template(series: Series, settings: Settings) -> None:
    """Refuse a DICOM template that is not of this image, before anything is computed."""
    path = beside.template_of(series, settings)
    if path is not None:
        from qsmbids.dicom.template import read_template

        image = read_grid(series.images[0], series.images[0].name, len(series.volumes) or None)
        read_template(path, image.shape, image.affine)


def _give_up(series: Series, reason: str, settings: Settings, progress: Progress) -> None:
    """Let a series fail before it has begun."""
    records.write_failure(settings, series.participant, series.key, stage="input", message=reason)
    progress.series_ended(series, reason)


def _check_space(todo: Sequence[Series], sizes: dict[str, int], settings: Settings) -> None:
    """Refuse to begin what the disk cannot hold."""
    needs = [resources.disk_space(series, settings, sizes[series.key]) for series in todo]
    work = [need for need, _ in needs]
    kept = sorted(work)[-settings.nprocs :] if settings.clean_workdir else work
    fresh = not (settings.work_dir / "qsmbids").exists()
    wanted = {
        settings.work_dir: sum(kept) if fresh else max(work),
        settings.output_dir: sum(need for _, need in needs),
    }
    if settings.work_dir.stat().st_dev == settings.output_dir.stat().st_dev:
        wanted = {settings.output_dir: sum(wanted.values())}
    for folder, need in wanted.items():
        free = shutil.disk_usage(folder).free
        if need > free:
            hint = "" if settings.clean_workdir else ", or keep less with --clean-workdir"
            raise InputError(
                f"The disk of {folder} has {free / 1e9:.3g} GB free and the run needs about "
                f"{need / 1e9:.3g} GB; free space, choose another folder{hint}."
            )


def _check_memory(
    todo: Sequence[Series], sizes: dict[str, int], settings: Settings, progress: Progress
) -> None:
    need = max(
        resources.series_memory(
            sizes[s.key], max(len(s.echo_times), len(s.orientations), 1), settings.methods
        )
        for s in todo
    )
    if need > settings.mem_gb:
        progress.line(
            f"The largest series needs about {need:.1f} GB of memory and {settings.mem_gb:.1f} GB "
            "are given (--mem): it may be killed."
        )


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


def _complete_pages(
    inventory: Inventory, settings: Settings, stale: set[str], progress: Progress
) -> None:
    """Write pages that are missing, stale or older than the word of a failure."""
    told = {item.participant for item in inventory.skipped if item.error}
    for participant in sorted(told | {series.participant for series in inventory.series}):
        page = settings.output_dir / f"sub-{participant}.html"
        words = records.log_dir(settings, participant).glob("*_error.json")
        latest = max((path.stat().st_mtime for path in words), default=0.0)
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
