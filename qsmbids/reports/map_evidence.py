"""What is shown and measured of one susceptibility map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from qsmbids.bids.volume import Image
from qsmbids.reports import figures, slices, windows
from qsmbids.reports.checks import Check, maps
from qsmbids.reports.checks.maps import ForwardModel
from qsmbids.reports.images import SeriesImages, without_zeros
from qsmbids.reports.picture import Picture
from qsmbids.reports.series_pictures import plane_picture
from qsmbids.reports.tissue import tissues


@dataclass
class MapEvidence:
    """What is shown of one susceptibility map.

    Attributes
    ----------
    desc, label, method : str
        Of its file's name; the method's name, as the command line takes it, and in words.
    main : Picture
        Slices in three planes.
    beside : list of Picture
        Uncertainty, and what the map leaves of the local field.
    wide : Picture
        Axial slices in a wide window, folded away.
    fit : Picture or None
        The course of the fit that made it.
    checks : list of Check
    """

    desc: str
    label: str
    method: str
    main: Picture
    wide: Picture
    beside: list[Picture] = field(default_factory=list)
    fit: Picture | None = None
    tissue: Picture | None = None
    checks: list[Check] = field(default_factory=list)


def examine_map(
    images: SeriesImages,
    desc: str,
    chi: Image,
    *,
    forward: ForwardModel | None = None,
    r2star: Image | None = None,
) -> MapEvidence:
    """Return the pictures and checks of a map.

    Parameters
    ----------
    images : SeriesImages
        Of its series.
    desc : str
        Which map of the series it is.
    chi : (x, y, z) array
        Its shown part, in ppm.
    forward : ForwardModel, optional
        Of the local field.
    r2star : (x, y, z) array, optional
        In 1/s.
    """
    label = label_of(images, desc)
    mask = images.mask_of(chi)
    method = str(images.series.chimaps[desc].provenance.get("MethodLabel") or label)
    evidence = MapEvidence(
        desc, label, method, main_picture(images, label, chi), _wide(images, label, chi)
    )
    sigma = images.cut(images.series.uncertainties.get(desc))
    if sigma is not None:
        evidence.beside.append(_uncertainty(images, label, sigma))
    if forward is not None:
        evidence.beside.append(_left(images, label, forward.left(chi)))
    if not mask.any():
        return evidence
    inside = chi[mask]
    evidence.fit = _fit(images, desc, label)
    evidence.checks += maps.map_checks(inside)
    if r2star is not None:
        evidence.checks += filter(None, [maps.iron_check(inside, r2star[mask])])
        evidence.tissue = _by_tissue(images, label, inside, r2star[mask])
    if forward is not None:
        evidence.checks.append(maps.residual_check(forward.residual(chi), forward.noise))
    try:
        b0 = b0_direction(images, desc)
        evidence.checks += maps.artefact_checks(chi, mask, images.shown.grid.voxel_size, b0)
    except ValueError as error:
        images.notes.append(f"Streaks were not measured: {error}.")
    return evidence


def label_of(images: SeriesImages, desc: str) -> str:
    """Return the name of the method that made a map, as the command line takes it."""
    return str(images.series.chimaps[desc].provenance.get("Method") or desc)


def b0_direction(images: SeriesImages, desc: str | None = None) -> tuple[float, float, float]:
    """Return B0 along the shown axes: as the inversion took it, else as the affine has it.

    Raises
    ------
    ValueError
        If the sidecar states no direction.
    """
    derivative = images.series.images["local"] if desc is None else images.series.chimaps[desc]
    stated = derivative.provenance.get("B0Direction")
    grid = images.shown.grid
    return grid.b0_direction if stated is None else grid.turned(stated)


def main_picture(images: SeriesImages, label: str, chi: Image) -> Picture:
    """Return the slices of a map in three planes, all in the window of every participant."""
    shown, view = without_zeros(chi), images.shown
    panels = [panel for axis in (2, 1, 0) for panel in slices.along(shown, view, axis)]
    return Picture(
        f"Susceptibility, {label}",
        "Axial slices from below to above, coronal from the back to the front, sagittal from left "
        "to right. Expect veins and deep grey matter bright, without streaks around them. Grey "
        f"window {windows.in_words(windows.TISSUE_PPM, 'ppm')} for all participants.",
        f"{len(panels)} axial, coronal and sagittal slices of the susceptibility map by {label}.",
        slices.strip(panels, windows.TISSUE_PPM, "ppm", columns=max(map(len, view.levels))),
    )


def _wide(images: SeriesImages, label: str, chi: Image) -> Picture:
    panels = slices.along(without_zeros(chi), images.shown, 2)
    return Picture(
        f"Axial slices in a wide window, {label}",
        "Calcifications are black and haemorrhages white here. Grey window "
        f"{windows.in_words(windows.WIDE_PPM, 'ppm')}.",
        f"{len(panels)} axial slices of the susceptibility map by {label} in a wide window.",
        slices.strip(panels, windows.WIDE_PPM, "ppm"),
    )


def _uncertainty(images: SeriesImages, label: str, sigma: Image) -> Picture:
    caption = (
        "How far the map may be off, both relative to their mean: learnt on simulated fields "
        "so that two of three voxels are no further from the truth. Fewer are where background "
        "field is left, and in veins and lesions. Bright is doubtful."
    )
    window, shown = windows.UNCERTAINTY_PPM, without_zeros(sigma)
    return plane_picture(images, shown, f"Uncertainty, {label}", caption, window, "ppm")


def _left(images: SeriesImages, label: str, left: Image) -> Picture:
    caption = (
        "The local field less the field of the map. Expect noise and a little of the veins; "
        "anatomy means that the map is too smooth, slow shading that background field is left."
    )
    title, shown = f"Field left unexplained, {label}", without_zeros(left)
    return plane_picture(images, shown, title, caption, windows.LOCAL_PPM, "ppm")


def _fit(images: SeriesImages, desc: str, label: str) -> Picture | None:
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


def _by_tissue(images: SeriesImages, label: str, chi: Image, r2star: Image) -> Picture | None:
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
