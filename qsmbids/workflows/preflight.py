"""What is checked before a run begins: packages, registration, sizes, disk and memory."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from qsmbids.bids import Series
from qsmbids.bids.check import read_grid
from qsmbids.errors import InputError
from qsmbids.inversion import METHODS
from qsmbids.settings import Settings
from qsmbids.workflows import beside, records, resources
from qsmbids.workflows.plan import atlases_of, spaces_of
from qsmbids.workflows.progress import Progress


def demand_packages(settings: Settings) -> None:
    """Refuse a graphics processor or HD-BET where it is demanded and not there."""
    if settings.device == "cuda" and any(METHODS[m].takes("device") for m in settings.methods):
        from qsmbids.networks.device import pick_device

        pick_device(settings.device)
    if settings.extraction == "hd-bet":
        from qsmbids.masking.hdbet import demand

        demand()


def demand_registration(todo: Sequence[Series], settings: Settings) -> None:
    """Refuse what cannot be registered, before hours are spent on it."""
    if any(atlases_of(one, settings) or spaces_of(one, settings) for one in todo):
        from qsmbids.registration import demand_simpleitk

        demand_simpleitk("Heads are registered to a template")
    # where the sidecars state B0, the fields may lie on one grid already
    if any(one.b0_dir is None for series in todo for one in series.orientations[1:]):
        from qsmbids.registration import demand_simpleitk

        demand_simpleitk()


def sizes(todo: Sequence[Series], settings: Settings, progress: Progress) -> dict[str, int]:
    """Return the voxels of a volume of each series; what cannot be processed fails by itself."""
    found: dict[str, int] = {}
    for series in todo:
        try:
            _check_template(series, settings)
            found[series.key] = resources.voxels_of(series)
        except InputError as error:
            _give_up(series, str(error), settings, progress)
    free = shutil.disk_usage(settings.work_dir).free
    needs = {
        s.key: resources.disk_space(s, settings, found[s.key])[0] for s in todo if s.key in found
    }
    if min(needs.values(), default=0) <= free:  # else the disk is full for everybody
        for series in todo:
            need = needs.get(series.key, 0)
            if need > free:
                del found[series.key]
                reason = (
                    f"{series.images[0].name} is so large by its header that about "
                    f"{need / 1e9:.3g} GB are needed and {settings.work_dir} has "
                    f"{free / 1e9:.3g} GB free; check its dimensions, or free space."
                )
                _give_up(series, reason, settings, progress)
    return found


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


def check_space(todo: Sequence[Series], sizes: dict[str, int], settings: Settings) -> None:
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


def check_memory(
    todo: Sequence[Series], sizes: dict[str, int], settings: Settings, progress: Progress
) -> None:
    """Say whether the largest series may need more memory than there is."""
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
