"""The region whose mean susceptibility is set to zero."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from qsmbids.regions.parcellation import Parcellation

FLUID = "csf"
FEWEST = 20
"""Voxels from which on a region's mean is taken as a reference."""

_VENTRICLES = ("csf", "lateral ventricle")


def reference_value(
    chi: ArrayLike, mask: ArrayLike, name: str, parcellations: Sequence[Parcellation]
) -> float:
    """Return the mean susceptibility of a region, which becomes the zero of the map.

    Parameters
    ----------
    chi : (x, y, z) array_like
        In ppm.
    mask : (x, y, z) array_like
        Where it is known.
    name : str
        The region's name; ``csf`` is the fluid in the lateral ventricles, without the voxels
        at their walls and the choroid plexus beside them.
    parcellations : sequence of Parcellation
        Where the region is looked for; the first that has it counts.

    Raises
    ------
    ValueError
        If no parcellation has the region, or next to nothing of it lies in the mask.
    """
    region = _region(name, parcellations) & (np.asarray(mask) != 0)
    count = int(np.count_nonzero(region))
    if count < FEWEST:
        raise ValueError(
            f"only {count} voxels of the region {name!r} lie in the map's mask, too few for a "
            "reference"
        )
    return float(np.asarray(chi)[region].mean(dtype=np.float64))


def _region(name: str, parcellations: Sequence[Parcellation]) -> NDArray[np.bool_]:
    names = _VENTRICLES if name == FLUID else (name,)
    for parcellation in parcellations:
        for one in names:
            region = parcellation.where(one)
            if region.any():
                walls = name == FLUID and one != FLUID  # an atlas's csf is its core already
                return np.asarray(ndimage.binary_erosion(region)) if walls else region
    known = sorted({known for one in parcellations for known in one.names.values()})
    raise ValueError(
        f"there is no region {name!r} to refer susceptibility to; there are: "
        f"{', '.join(known) or 'none'}"
    )
