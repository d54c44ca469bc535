"""Every measure of a susceptibility map against its reference."""

from __future__ import annotations

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import ArrayLike

from qsmbids.array_types import Double, Mask
from qsmbids.evaluation.agreement import hfen, nrmse, psnr
from qsmbids.evaluation.challenge import calcification, deviation_from_linear_slope
from qsmbids.evaluation.regions import Regions
from qsmbids.evaluation.similarity import ssim, xsim
from qsmbids.evaluation.table import METRICS


def evaluate(
    chi: ArrayLike,
    reference: ArrayLike,
    mask: ArrayLike,
    *,
    regions: Regions | None = None,
    demean: bool = True,
) -> dict[str, float]:
    """Measure a susceptibility map against a reference.

    Parameters
    ----------
    chi : (x, y, z) array_like
        The map in ppm. Values that are not finite count as zero, so that a map that leaves out
        a part of the brain is not better for it.
    reference : (x, y, z) array_like
        In ppm.
    mask : (x, y, z) array_like
        What counts; both maps are taken as zero outside.
    regions : Regions, optional
        What the measures of single regions need, within the mask; without, those are NaN.
        Of a simulated head: ``regions_of(head.labels)``.
    demean : bool
        Set the mean over the mask to zero in both maps first, since a field does not
        determine it. Without, the values are those of the QSM-CI leaderboard for the measures
        that it has.

    Returns
    -------
    dict of str to float
        One value for each key of ``METRICS`` and in their order; NaN where it is not defined,
        as for a region that is empty or in which the reference is constant.

    Raises
    ------
    ValueError
        If shapes differ, the mask is empty, or the reference is not finite in the mask.
    """
    inside = np.asarray(mask) != 0
    a, b = (np.asarray(image, dtype=np.float64) for image in (chi, reference))
    _check(a, b, inside)
    covered = inside & np.isfinite(a)
    coverage = np.count_nonzero(covered & (a != 0)) / np.count_nonzero(inside)
    a, b = _masked(a, covered, demean), _masked(b, inside, demean)
    found = {
        "psnr": psnr(a, b, inside),
        "nrmse": nrmse(a[inside], b[inside]),
        "hfen": hfen(a, b, inside),
        "ssim": ssim(a, b, inside),
        "xsim": xsim(a, b, inside),
        "dnrmse": nrmse(a[inside], b[inside], detrend=True),
        "coverage": float(coverage),
        **_by_region(a, b, inside, regions or Regions()),
    }
    return {name: found[name] for name in METRICS}


def _by_region(a: Double, b: Double, inside: Mask, regions: Regions) -> dict[str, float]:
    def part(region: ArrayLike | None) -> Mask:
        if region is None:
            return np.zeros_like(inside)
        where: Mask = np.asarray(region, dtype=bool)
        if where.shape != inside.shape:
            raise ValueError(f"a region's shape {where.shape} is not the mask's {inside.shape}")
        return where & inside

    nuclei = [part(nucleus) for nucleus in regions.nuclei.values()]
    tissue, blood, calcified = map(part, (regions.tissue, regions.blood, regions.calcification))
    areas = {
        "dnrmse_tissue": tissue,
        "dnrmse_blood": ndi.binary_dilation(blood, np.ones((3, 3, 3))),
        "dnrmse_deep_grey": np.logical_or.reduce([part(None), *nuclei]),
    }
    streak, moment = calcification(a, b, calcified)
    return {
        **{name: nrmse(a[area], b[area], detrend=True) for name, area in areas.items()},
        "deviation_from_linear_slope": deviation_from_linear_slope(a, b, nuclei),
        "calcification_streak": streak,
        "calcification_moment": moment,
    }


def _masked(image: Double, where: Mask, demean: bool) -> Double:
    shift = image[where].mean() if demean and where.any() else 0.0
    return np.where(where, image - shift, 0.0)


def _check(chi: Double, reference: Double, inside: Mask) -> None:
    if chi.ndim != 3:
        raise ValueError(f"the map has {chi.ndim} dimensions; three are needed")
    for name, image in (("reference", reference), ("mask", inside)):
        if image.shape != chi.shape:
            raise ValueError(f"the {name}'s shape {image.shape} is not the map's {chi.shape}")
    if not inside.any():
        raise ValueError("the mask is empty")
    if not np.isfinite(reference[inside]).all():
        raise ValueError("the reference holds NaN or infinite values inside the mask")
