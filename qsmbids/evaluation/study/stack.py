"""The images of one scan, all on one grid."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Mask
from qsmbids.bids.volume import Grid
from qsmbids.evaluation import Regions

Image = NDArray[np.float32]


@dataclass
class Stack:
    """A scan's images on the grid of its first map, with axes to right, anterior, superior.

    Attributes
    ----------
    grid : Grid
    reference : (x, y, z) float32 array
        In ppm, zero outside the mask.
    mask : (x, y, z) bool array
        Where the reference and all maps are known.
    maps : dict of str to (x, y, z) float32 array
        In ppm, by method.
    regions : Regions
    problems : dict of str to str
        Why a method's map cannot be measured.
    notes : list of str
        What holds for all maps.
    warnings : dict of str to list of str
        What holds for one.
    """

    grid: Grid
    reference: Image
    mask: Mask
    maps: dict[str, Image]
    regions: Regions
    problems: dict[str, str]
    notes: list[str] = field(default_factory=list)
    warnings: dict[str, list[str]] = field(default_factory=dict)
