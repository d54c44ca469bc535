"""What a field is likely to be where it cannot be trusted, for networks, which take no weight."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qsmbids.inversion.tv import minimise
from qsmbids.physics import DipoleConvolution
from qsmbids.physics.filling import filled

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]

ITERATIONS, REGULARIZATION = 20, 0.15
"""Of the fit; on two simulated heads more iterations gain a network 0.2 to 1 points of error."""


def explained(
    field: Float,
    mask: Mask,
    gaps: Mask,
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
    weight: Float | None,
) -> Float:
    """Return the field with what the rest of it explains in its gaps.

    The phase is lost in and beside strong sources, whose field is steep: what lies around a gap,
    continued smoothly, would hide the source from a network. A susceptibility of small total
    variation is fitted to the voxels that can be trusted, and its field fills the gaps.

    Parameters
    ----------
    field : (x, y, z) float32 array
        In ppm, finite in the mask outside the gaps.
    mask, gaps : (x, y, z) bool array
        Where the field counts, and where in there it is not known: what it holds there reaches
        nothing.
    voxel_size, b0_dir, weight
        As in `qsmbids.inversion.invert`.

    Returns
    -------
    (x, y, z) float32 array
        In ppm, equal to ``field`` outside the gaps.
    """
    if not gaps.any():
        return field
    smooth = filled(field, mask, gaps, voxel_size)  # for the noise level that the fit goes by
    known = (mask & ~gaps).astype(np.float32)
    if not known.any():
        return smooth
    chi = minimise(
        smooth,
        mask,
        voxel_size=voxel_size,
        b0_dir=b0_dir,
        weight=known if weight is None else known * weight,
        regularization=REGULARIZATION,
        iterations=ITERATIONS,
    )
    return np.where(gaps, DipoleConvolution(field.shape, voxel_size, b0_dir)(chi), field)
