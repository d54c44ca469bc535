"""Patches of given susceptibility maps, deformed and with another contrast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from qsmbids.array_types import Float, Mask
from qsmbids.inference.patches import random_window
from qsmbids.training.data.random_fields import SmoothNoise
from qsmbids.training.data.shapes import paint_strong
from qsmbids.training.data.subjects import Subjects


@dataclass(frozen=True)
class Variation:
    """How far a sample departs from the map that it is cut from.

    Parameters
    ----------
    elastic : float
        Standard deviation of the random displacement along each axis, in voxels.
    smoothness : float
        Over how many voxels the displacement varies; five times ``elastic`` folds nothing.
    contrast : float
        Standard deviation of the logarithm of two factors, one on paramagnetic and one on
        diamagnetic susceptibility.
    strong : float
        Share of the samples with one to three strong sources added.
    """

    elastic: float = 2.5
    smoothness: float = 12.0
    contrast: float = 0.3
    strong: float = 0.5


class Maps:
    """Random patches of the susceptibility maps of a store, each unlike its map.

    The map's grid counts, not its voxel size: that is drawn like B0, with the corruption.

    Parameters
    ----------
    subjects : Subjects
        The store.
    names : sequence of str
        Which of its subjects; each has a map.
    how : Variation
        How far to depart from them.

    References
    ----------
    Liu and Koch, "QSMInvNet": elastic transforms, contrast changes and added sources make a
    cohort out of one map.
    """

    def __init__(self, subjects: Subjects, names: Sequence[str], how: Variation):
        self.subjects, self.names, self.how = subjects, tuple(names), how

    def __call__(self, rng: np.random.Generator, noise: SmoothNoise) -> tuple[Float, Mask]:
        """Return susceptibility in ppm and mask, both (x, y, z) on the noise's grid."""
        subject = self.subjects.load(self.names[rng.integers(len(self.names))])
        if subject.chi is None:
            raise ValueError("a subject without susceptibility cannot be a map")
        size = [min(n, m) for n, m in zip(subject.mask.shape, noise.shape, strict=True)]
        window = random_window(rng, subject.mask, size)
        places = displaced(noise, [w.start for w in window], self.how)
        chi = ndimage.map_coordinates(subject.chi, places, order=1, output=np.float32)
        mask = ndimage.map_coordinates(subject.mask, places, order=0)
        for sign in (1, -1):
            factor = np.float32(np.exp(rng.normal(0, self.how.contrast)))
            chi = np.where(sign * chi > 0, factor * chi, chi)
        if rng.random() < self.how.strong:
            paint_strong(chi, rng, most=3)
        return chi, mask


def displaced(noise: SmoothNoise, start: Sequence[int], how: Variation) -> Float:
    """Return the places (3, x, y, z), in voxels, that a deformed patch is read from.

    Parameters
    ----------
    noise : SmoothNoise
        On the patch's grid.
    start : (3,) sequence of int
        Where the patch lies in the volume.
    how : Variation
        The size and smoothness of the displacement.
    """
    offset = np.asarray(start, np.float32)[:, None, None, None]
    places: Float = np.indices(noise.shape, np.float32) + offset
    if how.elastic:
        places += np.float32(how.elastic) * np.stack([noise(how.smoothness) for _ in range(3)])
    return places
