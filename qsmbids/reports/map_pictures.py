"""The pictures of one susceptibility map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from qsmbids.bids.volume import Image
from qsmbids.reports import figures, slices, windows
from qsmbids.reports.images import SeriesImages
from qsmbids.reports.picture import Picture
from qsmbids.reports.series_pictures import plane_picture
from qsmbids.reports.tissue import tissues


def main_picture(images: SeriesImages, label: str, chi: Image) -> Picture:
    """Return the slices of a map in three planes, all in the window of every participant."""
    shown, view = images.inside(chi), images.shown
    panels = [panel for axis in (2, 1, 0) for panel in slices.along(shown, view, axis)]
    return Picture(
        f"Susceptibility, {label}",
        "Axial slices from below to above, coronal from the back to the front, sagittal from left "
        "to right. Expect veins and deep grey matter bright, without streaks around them. Grey "
        f"window {windows.in_words(windows.TISSUE_PPM, 'ppm')} for all participants.",
        f"{len(panels)} axial, coronal and sagittal slices of the susceptibility map by {label}.",
        slices.strip(panels, windows.TISSUE_PPM, "ppm", columns=max(map(len, view.levels))),
    )


def wide_picture(images: SeriesImages, label: str, chi: Image) -> Picture:
    """Return axial slices of a map in a window for lesions."""
    panels = slices.along(images.inside(chi), images.shown, 2)
    return Picture(
        f"Axial slices in a wide window, {label}",
        "Calcifications are black and haemorrhages white here. Grey window "
        f"{windows.in_words(windows.WIDE_PPM, 'ppm')}.",
        f"{len(panels)} axial slices of the susceptibility map by {label} in a wide window.",
        slices.strip(panels, windows.WIDE_PPM, "ppm"),
    )


def uncertainty_picture(images: SeriesImages, label: str, sigma: Image) -> Picture:
    """Return the uncertainty of a map."""
    caption = (
        "How far the map may be off, both relative to their mean: learnt on simulated fields "
        "so that two of three voxels are no further from the truth. Fewer are where background "
        "field is left or noise is strong, in veins above all. Bright is doubtful."
    )
    window, shown = windows.UNCERTAINTY_PPM, images.inside(sigma)
    return plane_picture(images, shown, f"Uncertainty, {label}", caption, window, "ppm")


def part_pictures(images: SeriesImages, desc: str, label: str) -> Iterator[Picture]:
    """Give how strong both parts of a map are, and with the first what limits them."""
    positive = images.series.paramagnetic.get(desc)
    negative = images.series.diamagnetic.get(desc)
    limits = " ".join(map(str, positive.provenance.get("Limits") or [])) if positive else ""
    for sign, derivative, caption in (
        ("Paramagnetic", positive, f"Expect deep grey matter and veins bright. {limits}".strip()),
        ("Diamagnetic", negative, "Its size: expect white matter bright. The same limits hold."),
    ):
        image = images.cut(derivative)
        if image is not None:
            title, size = f"{sign} part, {label}", images.inside(np.abs(image))
            yield plane_picture(images, size, title, caption, windows.PART_PPM, "ppm")


def unexplained_picture(images: SeriesImages, label: str, left: Image) -> Picture:
    """Return what a map leaves of the local field."""
    caption = (
        "The local field less the field of the map. Expect noise and a little of the veins; "
        "anatomy means that the map is too smooth, slow shading that background field is left."
    )
    title, shown = f"Field left unexplained, {label}", images.inside(left)
    return plane_picture(images, shown, title, caption, windows.LOCAL_PPM, "ppm")


def course_picture(images: SeriesImages, desc: str, label: str) -> Picture | None:
    """Return the course of the fit that made a map, if it is a fit's."""
    curves = images.series.curves.get(desc)
    if not curves:
        return None
    told = images.series.chimaps[desc].provenance.get("Fit")
    kept = told.get("KeptIteration") if isinstance(told, Mapping) else None
    return Picture(
        f"Course of the fit, {label}",
        "The held-out error is that of voxels that the fit does not see; it rises once noise "
        "is fitted. The map is of the iteration at the dotted line, where that error is least.",
        f"{', '.join(curves)} against iterations of {label}.",
        figures.course(curves, kept if isinstance(kept, int) else None),
    )


def tissue_picture(images: SeriesImages, label: str, chi: Image, r2star: Image) -> Picture | None:
    """Return the distribution of a map by tissue, if any tissue is large enough."""
    values = tissues(chi, r2star, images.strength or 3.0)
    if not values:
        return None
    return Picture(
        f"Distribution by tissue, {label}",
        "Tissue told by R2*: fluid decays slowly, veins and iron fast, and so does what lies near "
        "air. Expect fluid near the middle, and veins and iron to the right of the rest.",
        f"Histogram of susceptibility by {label} in {', '.join(values)}.",
        figures.histogram(values),
    )
