"""What will be done for a series, told without doing it; nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from qsmbids.background import METHODS as BACKGROUND
from qsmbids.bids import Series
from qsmbids.bids.segmentations import segmentation_label
from qsmbids.contrast import SEPARATION, WEIGHTING
from qsmbids.interfaces.outputs import (
    OUTPUTS,
    Output,
    chimap,
    dicom_folder,
    part_map,
    region_labels,
    region_table,
    subject_path,
    transform_path,
    uncertainty_map,
)
from qsmbids.inversion import COMBINATIONS, METHODS
from qsmbids.masking import METHODS as MASKING
from qsmbids.options import as_text
from qsmbids.settings import WHOLE_MASK, Processing, Settings
from qsmbids.workflows.beside import exports, makes_swi, separates
from qsmbids.workflows.stage_names import LABELS


def writes_local_field(series: Series, settings: Settings) -> bool:
    """A field map needs a magnitude beside it, and a field strength to be in Hz."""
    known = series.start == "raw" or bool(series.magnitude and series.field_strength)
    return settings.write_fields and series.start != "local-field" and known


def images(series: Series, settings: Settings) -> list[Output]:
    """Return the images that a series will have."""
    if series.orientations:
        maps = [chimap(method) for method in settings.combinations]
        return [*maps, OUTPUTS["registration"]] if shows_registration(series) else maps
    raw = series.start == "raw"
    names = ["eroded"] if series.start == "local-field" else ["brain", "eroded"]
    if raw:
        names.append("reliable")
        if settings.write_fields:
            names.append("total")
    if writes_local_field(series, settings):
        names += ["local", "magnitude"]
    if series.shows_decay:
        names += ["r2star", "t2star", "s0"]
    if makes_swi(series, settings):
        names += ["swi", "minimum"]
    maps = [chimap(method) for method in settings.methods]
    maps += [uncertainty_map(m) for m in settings.methods if gives_uncertainty(m, settings)]
    if separates(series, settings):
        signs = ("Paramagnetic", "Diamagnetic")
        maps += [part_map(method, sign) for method in settings.methods for sign in signs]
    return [OUTPUTS[name] for name in names] + maps


def shows_registration(series: Series) -> bool:
    """Tell whether all head orientations have a magnitude to compare them by."""
    return all(one.start == "raw" or one.magnitude for one in series.orientations)


def gives_uncertainty(method: str, processing: Processing) -> bool:
    """Tell whether an inversion gives a map of its uncertainty too."""
    return bool(METHODS[method].resolve(processing.options.get(method, {})).get("uncertainty"))


def region_sets(series: Series, settings: Settings) -> list[str]:
    """Return what the regions of a series come from: labels of ``seg`` in the names of files."""
    own = series.segmentation
    first = [] if own is None else [segmentation_label(own)]
    return first + atlases_of(series, settings)


def atlases_of(series: Series, settings: Settings) -> list[str]:
    """Return the atlases whose regions a series will have: it needs a magnitude for them."""
    return list(settings.atlases) if _has_magnitude(series) else []


def spaces_of(series: Series, settings: Settings) -> list[str]:
    """Return the templates into whose space the maps of a series are brought."""
    return list(settings.output_spaces) if _has_magnitude(series) else []


def _has_magnitude(series: Series) -> bool:
    return bool(series.magnitude or series.real) and not series.orientations


def space_outputs(series: Series, settings: Settings) -> list[Path]:
    """Return the paths of the maps in the spaces of templates, and of the transforms."""
    maps = [chimap(method) for method in settings.methods]
    maps += [uncertainty_map(m) for m in settings.methods if gives_uncertainty(m, settings)]
    maps += [OUTPUTS["r2star"]] if series.shows_decay else []
    out = settings.output_dir
    return [
        path
        for space in spaces_of(series, settings)
        for path in (
            *(image.path(out, series, space) for image in maps),
            transform_path(out, series, space),
        )
    ]


def moves_zero(series: Series, settings: Settings) -> bool:
    """Tell whether susceptibility is put relative to a region instead of the whole mask."""
    return settings.reference != WHOLE_MASK and bool(region_sets(series, settings))


def outputs(series: Series, settings: Settings) -> list[Path]:
    """Return the paths of the files that a series will have."""
    paths = [image.path(settings.output_dir, series) for image in images(series, settings)]
    for name in region_sets(series, settings):
        paths += [path(settings.output_dir, series, name) for path in (region_table, region_labels)]
    paths += space_outputs(series, settings)
    paths += [dicom_folder(settings.output_dir, series, one) for one in exports(series, settings)]
    folder = settings.subjects_dir
    if folder is None or series.orientations:
        return paths
    return [*paths, subject_path(folder, series)]


def steps(series: Series, settings: Settings) -> Iterable[tuple[str, str]]:
    """Yield each stage and how it will be done, in order."""
    if series.orientations:
        yield LABELS["alignment"], " and ".join(one.key for one in series.orientations)
        for method in settings.combinations:
            yield LABELS["inversion"], _with_options(method, settings)
        return
    raw = series.start == "raw"
    if series.difference:
        step = 1000 * (series.echo_times[1] - series.echo_times[0])
        yield LABELS["reading"], f"magnitude and phase difference over {step:.4g} ms"
    elif raw:
        parts = "real and imaginary part" if series.real else "magnitude and phase"
        yield LABELS["reading"], f"{parts} of {_count(len(series.echo_times), 'echo', 'echoes')}"
    else:
        name = series.field.name if series.field else ""
        yield LABELS["reading"], f"{series.start.replace('-', ' ')} {name}"
    if series.mask is not None:
        yield LABELS["masking"], f"{series.mask.name} of {series.mask_source}"
    else:
        how = {"none": "all voxels with signal", "hd-bet": "by HD-BET from the magnitude"}
        text = _with_options(settings.extraction, settings)
        yield LABELS["masking"], how.get(settings.extraction, f"from the magnitude, {text}")
    if raw:
        yield (
            LABELS["mapping"],
            f"{settings.unwrapping} unwrapping, {settings.fit} fit, sign {settings.phase_sign}",
        )
    if series.shows_decay:
        yield LABELS["decay"], "log-linear fit"
    if series.start != "local-field":
        yield LABELS["background"], _with_options(settings.background, settings)
    for method in settings.methods:
        yield LABELS["inversion"], _with_options(method, settings)
    yield from _steps_beside(series, settings)


def _steps_beside(series: Series, settings: Settings) -> Iterable[tuple[str, str]]:
    """Yield what is made of the maps, and beside them."""
    if series.segmentation is not None:
        yield LABELS["regions"], f"of {series.segmentation.name}"
    if atlases := atlases_of(series, settings):
        yield LABELS["template"], "affine, then nonlinear by magnitude and susceptibility"
        yield LABELS["regions"], f"of the atlas {' and '.join(atlases)}"
    if moves_zero(series, settings):
        yield LABELS["reference"], settings.reference
    if spaces := spaces_of(series, settings):
        yield LABELS["template"], f"maps in the space of {' and '.join(spaces)}"
    if separates(series, settings):
        yield LABELS["separation"], _with_options(settings.separation, settings)
    if makes_swi(series, settings):
        yield LABELS["weighting"], _with_options("swi", settings)


def _with_options(method: str, settings: Settings) -> str:
    """Return a method with all its options, each as ``--option`` takes it."""
    every = {**MASKING, **BACKGROUND, **METHODS, **COMBINATIONS, **SEPARATION, **WEIGHTING}
    values = every[method].resolve(settings.options.get(method, {}))
    return f"{method} ({', '.join(f'{name}={as_text(value)}' for name, value in values.items())})"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
