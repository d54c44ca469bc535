"""The pictures and numbers of one series, read from its images one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from qsmbids.bids.series_results import SeriesResults
from qsmbids.bids.volume import Image
from qsmbids.reports import figures
from qsmbids.reports.checks import Check, maps, series_checks
from qsmbids.reports.checks.maps import ForwardModel
from qsmbids.reports.comparison import BEFORE, Compared, Comparison, compare
from qsmbids.reports.images import SeriesImages
from qsmbids.reports.map_evidence import (
    MapEvidence,
    b0_direction,
    examine_map,
)
from qsmbids.reports.map_pictures import main_picture
from qsmbids.reports.picture import Picture
from qsmbids.reports.series_pictures import series_pictures
from qsmbids.reports.view import View

_SHARED = ("magnitude", "registration", "total", "local", "r2star", "swi", "minimum")


@dataclass
class Evidence:
    """What is shown of one series; ``notes`` say why something is not."""

    pictures: list[Picture] = field(default_factory=list)
    maps: list[MapEvidence] = field(default_factory=list)
    comparison: Comparison | None = None
    histogram: Picture | None = None
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    view: View | None = None


def examine(series: SeriesResults) -> Evidence:
    """Return the pictures and numbers of a series; what is missing or damaged is left out."""
    images = SeriesImages(series)
    read = {name: images.cut(series.images.get(name)) for name in _SHARED}
    shared = {name: image for name, image in read.items() if image is not None}
    evidence = Evidence(notes=images.notes, view=images.view)
    evidence.pictures += series_pictures(images, shared)
    evidence.checks += _judge(images, shared.get("r2star"))
    forward = _forward_model(images, shared.get("local"))
    made: list[Compared] = []
    for desc, derivative in series.chimaps.items():
        chi = images.cut(derivative)
        if chi is None:
            continue
        r2star = shared.get("r2star")
        one = examine_map(images, desc, chi, forward=forward, r2star=r2star)
        evidence.maps.append(one)
        before = images.cut(series.before.get(desc))
        if before is not None:
            # a map relative to a region is moved; the other shows what the fit did beside that
            mask = images.mask_of(chi)
            before = np.where(mask, before + (chi[mask].mean() - before[mask].mean()), 0)
            name = f"{one.label} before its fit"
            picture = main_picture(images, name, before)
            made.append(Compared(f"{desc}{BEFORE}", name, before, picture))
        made.append(Compared(desc, one.label, chi, one.main))
    evidence.comparison = compare(images, made)
    evidence.histogram = _histogram(images, made)
    return evidence


def _judge(images: SeriesImages, r2star: Image | None) -> list[Check]:
    """Look at what was measured during the run, and at the masks."""
    ml = images.volumes_ml()
    decay = None
    if r2star is not None and (inside := r2star[images.mask_of(r2star)]).any():
        decay = float(np.median(inside))
    checks = series_checks(
        images.series.measured,
        strength=images.strength,
        r2star=decay,
        volume=ml.get("brain"),
        doubts=images.series.mask_doubts,
    )
    if ml.get("brain") and "eroded" in ml:
        checks.append(maps.kept_check(ml["brain"], ml["eroded"]))
    return checks


def _forward_model(images: SeriesImages, local: Image | None) -> ForwardModel | None:
    """Return what maps are checked by; None, with a note, if the field does not allow it."""
    if local is None:
        return None
    field_ppm, unit = images.in_ppm(local)
    mask = images.mask_of(local)
    if unit != "ppm" or not mask.any():
        return None
    try:
        return ForwardModel(field_ppm, mask, images.shown.grid.voxel_size, b0_direction(images))
    except ValueError as error:
        images.notes.append(f"The forward model was not checked: {error}.")
        return None


def _histogram(images: SeriesImages, made: Sequence[Compared]) -> Picture | None:
    inside = {one.name: one.chi[images.mask_of(one.chi)] for one in made}
    values = {name: one for name, one in inside.items() if one.size}
    if not values:
        return None
    return Picture(
        "Distribution of susceptibility",
        "Share of the mask's voxels by value, logarithmic.",
        f"Histogram of susceptibility in the mask by {', '.join(values)}.",
        figures.histogram(values),
    )
