"""Volumes of susceptibility with their fields and masks, as arrays."""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np
from scipy import ndimage

from qsmbids import inversion
from qsmbids.physics import forward_field
from qsmbids.simulation import simulate_head

VOXEL = (1.0, 1.0, 1.0)

invert = partial(inversion.invert, units="ppm")
"""The inversion of fields of this module and of simulated heads."""

simulated_head = lru_cache(maxsize=4)(simulate_head)
"""A head that several tests look at and none changes."""


def three_balls(shape=(45, 50, 40), voxel_size=VOXEL, b0_dir=(0, 0, 1)):
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


def smooth_tissue(shape, voxel_size=VOXEL, b0_dir=(0, 0, 1), *, noise=0.0):
    """Return chi, field and mask of smooth random tissue in a box that no network has seen."""
    rng = np.random.default_rng(4)
    mask = np.zeros(shape, bool)
    mask[3:-3, 4:-4, 3:-3] = True
    chi = ndimage.gaussian_filter(rng.standard_normal(shape), 2).astype(np.float32)
    chi = np.where(mask, chi * 0.05 / chi.std(), 0).astype(np.float32)
    chi[mask] -= chi[mask].mean()
    field = forward_field(chi, voxel_size, b0_dir)
    field += np.float32(noise) * rng.standard_normal(shape, dtype=np.float32)
    return chi, np.where(mask, field, 0).astype(np.float32), mask


def error(chi, truth, mask):
    """Return the NRMSE in percent, the means removed."""
    a, b = (image[mask] - image[mask].mean() for image in (chi, truth))
    return 100 * np.linalg.norm(a - b) / np.linalg.norm(b)


def dice(one, other):
    """Return the Dice coefficient of two masks."""
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))
