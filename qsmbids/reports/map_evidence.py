"""What is shown and measured of one susceptibility map."""

from __future__ import annotations

from dataclasses import dataclass, field

from qsmbids.bids.volume import Image
from qsmbids.reports.checks import Check, maps
from qsmbids.reports.checks.artefacts import artefact_checks
from qsmbids.reports.checks.maps import ForwardModel
from qsmbids.reports.images import SeriesImages
from qsmbids.reports.map_pictures import (
    course_picture,
    main_picture,
    part_pictures,
    tissue_picture,
    uncertainty_picture,
    unexplained_picture,
    wide_picture,
)
from qsmbids.reports.picture import Picture


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
    label = images.series.method(desc)
    mask = images.mask_of(chi)
    method = str(images.series.chimaps[desc].provenance.get("MethodLabel") or label)
    evidence = MapEvidence(
        desc, label, method, main_picture(images, label, chi), wide_picture(images, label, chi)
    )
    sigma = images.cut(images.series.uncertainties.get(desc))
    if sigma is not None:
        evidence.beside.append(uncertainty_picture(images, label, sigma))
    left = None if forward is None else forward.left(chi)
    if left is not None:
        evidence.beside.append(unexplained_picture(images, label, left))
    evidence.beside += part_pictures(images, desc, label)
    if not mask.any():
        return evidence
    inside = chi[mask]
    evidence.fit = course_picture(images, desc, label)
    evidence.checks += maps.map_checks(inside)
    if r2star is not None:
        evidence.checks += filter(None, [maps.iron_check(inside, r2star[mask])])
        evidence.tissue = tissue_picture(images, label, inside, r2star[mask])
    if forward is not None and left is not None:
        evidence.checks.append(maps.residual_check(forward.share(left), forward.noise))
    try:
        b0 = b0_direction(images, desc)
        evidence.checks += artefact_checks(chi, mask, images.shown.grid.voxel_size, b0)
    except ValueError as error:
        images.notes.append(f"Streaks were not measured: {error}.")
    return evidence


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
