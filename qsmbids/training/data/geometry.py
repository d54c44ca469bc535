"""Random voxel shapes and B0 directions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qsmbids.physics import DipoleConvolution

MARGIN = 32  # voxels of padding: the images that the FFT repeats are this far off


def random_dipole(
    rng: np.random.Generator,
    shape: Sequence[int],
    *,
    axial: float = 0.5,
    stretch: float = 2.0,
    tilt: float = 35.0,
) -> DipoleConvolution:
    """Return the dipole of a random voxel shape and B0 direction on a grid.

    ``axial``, ``stretch`` and ``tilt`` are those of
    `qsmbids.training.data.corruption.Corruption`.
    """
    if rng.random() < axial:
        return DipoleConvolution(shape, (1, 1, 1), (0, 0, 1), MARGIN)
    edges = np.exp(rng.uniform(0, np.log(stretch), 3))
    angle = np.radians(tilt * np.sqrt(rng.random()))
    turn = rng.uniform(0, 2 * np.pi)
    b0 = (np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn), np.cos(angle))
    return DipoleConvolution(shape, edges.tolist(), b0, MARGIN)
