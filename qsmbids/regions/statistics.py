"""What a map holds in each region."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from qsmbids.regions.parcellation import Parcellation


@dataclass(frozen=True)
class RegionValues:
    """The numbers of one region; NaN where the map knows nothing of it.

    Attributes
    ----------
    index, region : int, str
        Label and name.
    voxels : int
        Voxels of the region inside the map's mask, which the numbers are made from.
    volume_mm3 : float
        Volume of the whole region.
    share_kept : float
        Share of the region inside the map's mask.
    mean, median, sd : float
        Of the map over those voxels.
    uncertainty : float
        Mean of the map's uncertainty over them: errors of neighbours go together, so that a
        mean over many voxels is hardly surer than one of them.
    """

    index: int
    region: str
    voxels: int
    volume_mm3: float
    share_kept: float
    mean: float
    median: float
    sd: float
    uncertainty: float


def measure_regions(
    image: ArrayLike,
    parcellation: Parcellation,
    mask: ArrayLike,
    *,
    voxel_volume: float,
    uncertainty: ArrayLike | None = None,
) -> list[RegionValues]:
    """Return what a map holds in each region, in the order of the labels.

    Parameters
    ----------
    image : (x, y, z) array_like
        The map.
    parcellation : Parcellation
        On the same grid.
    mask : (x, y, z) array_like
        Where the map is known.
    voxel_volume : float
        In mm^3.
    uncertainty : (x, y, z) array_like, optional
        Half-width of the interval that holds the true value, in the map's unit.

    Raises
    ------
    ValueError
        If an image is on another grid than the labels.
    """
    values, known = np.asarray(image), np.asarray(mask) != 0
    spread = None if uncertainty is None else np.asarray(uncertainty)
    labels = parcellation.labels
    for one in (values, known, spread):
        if one is not None and one.shape != labels.shape:
            raise ValueError(f"the labels have the shape {labels.shape}, the map {one.shape}")
    boxes = dict(enumerate(ndimage.find_objects(labels), start=1))
    found = []
    for index, region in sorted(parcellation.names.items()):
        box = boxes.get(index)
        if box is None:
            continue
        inside = labels[box] == index
        kept = inside & known[box]
        whole, voxels = int(inside.sum()), int(kept.sum())
        numbers = [float("nan")] * 4
        if voxels:
            own = values[box][kept].astype(np.float64)
            numbers = [own.mean(), np.median(own), own.std()]
            numbers.append(float("nan") if spread is None else spread[box][kept].mean())
        mean, median, sd, sure = map(float, numbers)
        found.append(
            RegionValues(
                index, region, voxels, whole * voxel_volume, voxels / whole, mean, median, sd, sure
            )
        )
    return found
