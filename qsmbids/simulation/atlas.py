"""The MNI152 template that nilearn ships, sampled at any grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from qsmbids.array_types import Float
from qsmbids.simulation.head_grid import Grid

COARSE = 2
"""Spacing in mm of the distance map."""
MARGIN = 50
"""How far the distance maps reach beyond the template, in mm."""
BALL = 30.0
"""Radius in mm of the ball that cannot enter the hull's hollows."""


@dataclass(frozen=True, eq=False)
class Atlas:
    """Maps of the template on its own 1 mm grid; distances on a coarser, larger one.

    Attributes
    ----------
    t1, gm, wm : (197, 233, 189) float32
        T1-weighted intensity and tissue probabilities of the brain, 0 to 1.
    distance, hull : float32 array
        Signed distance in mm to the brain's surface, negative inside; to its hull, in which
        the hollows between the lobes are filled.
    origin, distance_origin : (3,) arrays
        Template coordinates in mm of the first voxels.
    """

    t1: Float
    gm: Float
    wm: Float
    distance: Float
    hull: Float
    origin: NDArray[np.float64]
    distance_origin: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sampled:
    """The template's maps on the grid of a head."""

    t1: Float
    gm: Float
    wm: Float
    distance: Float
    hull: Float


@lru_cache(maxsize=1)
def load_atlas() -> Atlas:
    """Return the template, read from nilearn's own files: no network is needed."""
    from nilearn import datasets

    image = datasets.load_mni152_template(resolution=1)
    t1 = np.asarray(image.dataobj, np.float32)
    gm = np.asarray(datasets.load_mni152_gm_template(resolution=1).dataobj, np.float32)
    wm = np.asarray(datasets.load_mni152_wm_template(resolution=1).dataobj, np.float32)
    origin = np.asarray(image.affine[:3, 3], float)
    brain = np.pad(t1 > 0, MARGIN)
    brain = ndimage.binary_closing(brain[::COARSE, ::COARSE, ::COARSE], iterations=2)
    outside = COARSE * ndimage.distance_transform_edt(~brain)
    distance = outside - COARSE * ndimage.distance_transform_edt(brain)
    # the outer distance again, of the brain after a closing: rolled over by a ball
    rolled = BALL - COARSE * ndimage.distance_transform_edt(outside < BALL)
    hull = np.where(outside < BALL, rolled, outside)
    soft = [ndimage.gaussian_filter(d.astype(np.float32), 0.7) for d in (distance, hull)]
    return Atlas(t1, gm, wm, soft[0], soft[1], origin, origin - MARGIN)


def sample_distances(grid: Grid) -> tuple[Float, Float]:
    """Return the signed distances in mm to the brain's surface and to its hull on the grid."""
    atlas = load_atlas()
    distance = _sample(atlas.distance, grid, atlas.distance_origin, COARSE)
    return distance, _sample(atlas.hull, grid, atlas.distance_origin, COARSE)


def distance_at(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the signed distance in mm to the brain's surface at template points (..., 3)."""
    atlas = load_atlas()
    index = np.moveaxis((points - atlas.distance_origin) / COARSE, -1, 0)
    found = ndimage.map_coordinates(atlas.distance, index, order=1, mode="nearest")
    return np.asarray(found, float)


def sample_atlas(grid: Grid) -> Sampled:
    """Return the template's maps on the grid, averaged over the voxels where these are large."""
    atlas = load_atlas()
    # a Gaussian of the variance of a box: what a voxel of this size averages over, beyond 1 mm
    sigma = [np.sqrt(max(v * v - 1, 0) / 12) for v in grid.voxel_size]
    maps = []
    for image in (atlas.t1, atlas.gm, atlas.wm):
        smooth = ndimage.gaussian_filter(image, sigma) if max(sigma) > 0 else image
        maps.append(_sample(smooth, grid, atlas.origin, 1))
    return Sampled(maps[0], maps[1], maps[2], *sample_distances(grid))


def _sample(image: Float, grid: Grid, origin: NDArray[np.float64], spacing: float) -> Float:
    out = np.empty(grid.shape, np.float32)
    offset = origin.astype(np.float32)[:, None, None]
    for x in range(grid.shape[0]):  # a plane at a time, to keep the index array small
        index = (grid.coordinates[:, x] - offset) / np.float32(spacing)
        ndimage.map_coordinates(image, index, out[x], order=1, mode="nearest", prefilter=False)
    return out
