"""What a background removal leaves behind: the field of sources outside of the brain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Float
from qsmbids.physics import DipoleConvolution
from qsmbids.training.data.shapes import paint


def outer_field(
    rng: np.random.Generator, mask: NDArray[np.bool_], dipole: DipoleConvolution, size: float
) -> Float:
    """Return the field in ppm that random sources outside of the mask make inside.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    mask : (x, y, z) bool array
        The brain.
    dipole : DipoleConvolution
        On the same grid.
    size : float
        The field's standard deviation over the mask in ppm.
    """
    outer = np.zeros(mask.shape, np.float32)
    for _ in range(rng.integers(2, 12)):
        paint(outer, rng, "ellipsoid", rng.uniform(1, 8), rng.normal())
    outer[mask] = 0
    if not outer.any():
        return outer
    field = dipole(outer)
    deviation = max(float(field[mask].std()), 1e-9)
    # the strongest voxels touch a source; no background removal would leave them so
    limited: Float = np.clip(field * np.float32(size / deviation), -4 * size, 4 * size)
    return limited
