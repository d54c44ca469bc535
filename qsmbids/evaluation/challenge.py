"""What the 2019 challenge measures in the deep grey matter and around the calcification."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from qsmbids.array_types import Double, Mask
from qsmbids.evaluation.agreement import linear_fit

# Voxels around the calcification's bounding box: the box it may blur into, the rim in which its
# streaks are read, and what else must lie above the threshold that tells it from the rest.
BLUR, RIM, BEYOND = 3, 4, 4
THRESHOLDS = -0.01 * np.arange(351)  # ppm


def deviation_from_linear_slope(chi: Double, reference: Double, nuclei: Iterable[Mask]) -> float:
    """Return the distance from 1 of the slope of the nuclei's means over the reference's.

    Parameters
    ----------
    chi, reference : (x, y, z) float64 array
        In ppm.
    nuclei : iterable of (x, y, z) bool array
        Empty ones are left out.

    Returns
    -------
    float
        NaN for less than two nuclei.

    References
    ----------
    QSM Challenge 2.0 Organization Committee, Magn Reson Med 86:1241 (2021).
    """
    means = [(reference[n].mean(), chi[n].mean()) for n in nuclei if n.any()]
    if len(means) < 2:
        return float("nan")
    x, y = np.transpose(means)
    return abs(1 - linear_fit(x, y)[0])


def calcification(chi: Double, reference: Double, where: Mask) -> tuple[float, float]:
    """Return the streaking of a calcification and the deviation of its moment.

    Its voxels in ``chi`` are those near it below every value farther away. The moment is the
    sum of their susceptibility; the streaking is the standard deviation of what a line through
    the reference does not explain in the rim around them, over their mean.

    Parameters
    ----------
    chi, reference : (x, y, z) float64 array
        In ppm.
    where : (x, y, z) bool array
        The calcification in the reference.

    Returns
    -------
    streak : float
        NaN if nothing stands out in ``chi``.
    moment : float
        In ppm times voxels; the reference's own moment if nothing stands out in ``chi``.
        Both are NaN for an empty region.

    References
    ----------
    QSM Challenge 2.0 Organization Committee, Magn Reson Med 86:1241 (2021).
    """
    if not where.any():
        return float("nan"), float("nan")
    moment = float(reference[where].sum())
    near = _box(where, BLUR)
    rim = _box(where, BLUR + RIM) & ~near
    far = _box(where, BLUR + RIM + BEYOND) & ~near
    found = chi[near]
    found = found[found < _threshold(chi[far])]
    if found.size == 0:
        return float("nan"), abs(moment)
    deviation = abs(moment - float(found.sum()))
    if np.count_nonzero(rim) < 2:
        return float("nan"), deviation
    slope, intercept = linear_fit(reference[rim], chi[rim])
    rest = chi[rim] - (slope * reference[rim] + intercept)
    return float(rest.std() / abs(found.mean())), deviation


def _box(where: Mask, margin: int) -> Mask:
    """Return the bounding box, grown by ``margin`` voxels, as a mask."""
    box = np.zeros_like(where)
    corners = (np.flatnonzero(where.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3))
    box[tuple(slice(max(c[0] - margin, 0), c[-1] + margin + 1) for c in corners)] = True
    return box


def _threshold(far: Double) -> float:
    """Return the first of the thresholds, 0 to -3.5 ppm, that no value lies below."""
    free = far.min(initial=np.inf) >= THRESHOLDS
    return float(THRESHOLDS[free][0] if free.any() else THRESHOLDS[-1])
