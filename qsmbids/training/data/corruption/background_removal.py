"""A background that was added and removed by one of the app's own methods."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from qsmbids.array_types import Float, Mask
from qsmbids.background import remove_background
from qsmbids.physics import DipoleConvolution
from qsmbids.training.data.corruption.background_residue import outer_field

DEEPEST = 12.0  # mm to the mask's surface at its middle, of which a removal takes half
# few spheres, since each takes as long as all else that makes a sample
REMOVALS: dict[str, dict[str, float]] = {
    "resharp": {},
    "vsharp": {"step": 3.0},
    "jdf": {},
    "lbv": {},
}


def remove_random_background(
    rng: np.random.Generator, field: Float, mask: Mask, dipole: DipoleConvolution, strength: float
) -> tuple[Float, Mask]:
    """Return what comes back of a field after a background was added and removed, and its mask.

    A mask that the removal's spheres would use up stays as it is, and so does its field.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the method and the voxels' edge, 1 to 2 mm, against which its spheres are large.
    field : (x, y, z) float32 array
        Local field in ppm.
    mask : (x, y, z) bool array
        The brain.
    dipole : DipoleConvolution
        On the same grid.
    strength : float
        Standard deviation of the background over the mask in ppm.
    """
    unit = rng.uniform(1, 2) / min(dipole.voxel_size)
    edges = [unit * size for size in dipole.voxel_size]
    if ndimage.distance_transform_edt(np.pad(mask, 1), sampling=edges).max() < DEEPEST:
        return field, mask
    total = field + outer_field(rng, mask, dipole, strength)
    method = str(rng.choice(list(REMOVALS)))
    local = remove_background(
        np.where(mask, total, 0),
        mask,
        voxel_size=edges,
        b0_dir=dipole.b0_dir,
        method=method,
        **REMOVALS[method],
    )
    return local.field, local.mask
