"""Brain extraction by a network that was trained on images synthesised from label maps of heads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Float
from qsmbids.masking.grids import CubicGrid
from qsmbids.masking.result import Extraction

EDGE = 2.0
"""Edge in mm of the voxels that the network sees."""
OUTWARD = 0.7
"""How far outside of where the network sees the surface it is in mm, from the volumes of the masks
of four real and two simulated heads."""


def network(
    magnitude: Float,
    *,
    voxel_size: Sequence[float],
    affine: NDArray[np.float64],
    border: float = 0.0,
    weights: str = "brainmask",
) -> Extraction:
    """Return the signed distance to the brain's surface; see `qsmbids.masking.brain_mask`.

    The mean of what the network sees in the image and in its mirror image.

    Parameters
    ----------
    magnitude, voxel_size, affine
        As in `qsmbids.masking.brain_mask`.
    border : float
        How far outside of the surface found the mask is to end, in mm.
    weights : str
        Path of a weights file, or the name of one that the package ships.

    References
    ----------
    Hoopes A, et al. SynthStrip: skull-stripping for any brain image. NeuroImage 2022;260:119474.
    """
    from qsmbids.inference.predict_brain import predict_brain_distance
    from qsmbids.networks.device import torch_threads
    from qsmbids.networks.weights_file import describe

    grid = CubicGrid.over(magnitude.shape, voxel_size, affine, EDGE)
    with torch_threads():
        both = predict_brain_distance(grid.sample(magnitude), weights)
    both = both - np.float32(OUTWARD + border)
    inside = both < 0
    shared, either = int(inside.all(0).sum()), int(inside.sum())
    return Extraction(
        grid.restore(both.mean(0)),
        agreement=2 * shared / max(either, 1),
        details={"Weights": describe(weights, "brain mask")},
    )
