"""Three balls in an ellipsoid: susceptibility, its field and its mask."""

from __future__ import annotations

import numpy as np

from qsmbids.physics import forward_field

VOXEL = (1.0, 1.0, 1.0)


def phantom(shape=(45, 50, 40), voxel_size=VOXEL, b0_dir=(0, 0, 1)):
    """Return chi, field and mask of three balls in an ellipsoid, in millimetres."""
    size = np.asarray(voxel_size)
    where = np.stack(np.indices(shape), axis=-1) * size
    centre = np.asarray(shape) * size / 2

    def ball(offset, radius):
        distance = np.linalg.norm(where - centre - np.asarray(offset), axis=-1)
        return np.clip(radius + 0.5 - distance, 0, 1)

    mask = (((where - centre) / (0.42 * np.asarray(shape) * size)) ** 2).sum(-1) < 1
    chi = 0.1 * ball((-7, 0, 0), 5) + 0.3 * ball((7, 4, 3), 2.5) - 0.2 * ball((3, -8, -4), 3)
    chi = np.where(mask, chi, 0).astype(np.float32)
    return chi, forward_field(chi, voxel_size, b0_dir), mask


def error(chi, truth, mask):
    """Return the NRMSE in percent, the means removed."""
    a, b = (image[mask] - image[mask].mean() for image in (chi, truth))
    return 100 * np.linalg.norm(a - b) / np.linalg.norm(b)
