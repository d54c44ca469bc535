"""The surface of the template's brain, and how it is fitted to a head.

An active shape model whose mean is the template: every point of the surface looks along its
normal for the place where bright tissue gives way to something dark (skull); an affine map and
then a smooth offset follow what the points found. Only the drop in signal counts, not the
contrast between tissues, so that echo time, flip angle and field strength hardly matter.

References
----------
Cootes TF, Taylor CJ, Cooper DH, Graham J. Active shape models: their training and application.
Comput Vis Image Underst 1995;61:38-59.
Smith SM. Fast robust automated brain extraction. Hum Brain Mapp 2002;17:143-155.
Fonov V, et al. Unbiased average age-appropriate atlases for pediatric studies. NeuroImage
2011;54:313-327 (the template).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from qsmbids.masking.morphology import Mask, largest_component

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]

_GRID = 2.0  # mm, of the template's signed distance
_COARSE = 2  # of its cells make one of the grid on which offsets are smoothed
_MARGIN = 40.0  # mm around the template's brain
_CENTRE = (0.0, -18.0)  # mm, middle of the template's brain from above
_TOP = 78.0  # mm, its vertex
_SCALP = 12.0  # mm from the vertex of the brain to that of the head
_SCALE = 70.0  # mm, a brain's radius
_USUAL = 0.94  # the size of a usual brain relative to the template's
_DRAW = 0.012  # strength of the draw towards it, relative to the points'
_PULL = 0.15  # score lost at the end of the reach, so that near edges win
_DROP = 0.2  # of the tissue's signal: an edge
_LEAST_SEEN = 0.2  # of the surface in the field of view


class Image(NamedTuple):
    """A head on a coarse grid.

    Attributes
    ----------
    flat : (x, y, z) float32 array
        Magnitude with its slow variation divided out, about 1 in tissue.
    signal : (x, y, z) bool array
        Where it is above the background.
    affine : (4, 4) array
        From voxel indices to scanner millimetres.
    edges : (3,) tuple of float
        Voxel size in mm.
    factors : (3,) tuple of int
        How many voxels of the scan make one of these, per axis.
    """

    flat: Floats
    signal: Mask
    affine: Matrix
    edges: tuple[float, ...]
    factors: tuple[int, ...]


class Surface(NamedTuple):
    """The template: signed distance (mm, negative inside) and points with outward normals."""

    distance: Floats
    affine: Matrix
    points: Matrix
    normals: Matrix


@lru_cache(maxsize=1)
def template_surface() -> Surface:
    """Return the surface of the brain of the MNI152 template that nilearn carries."""
    from nilearn.datasets import load_mni152_brain_mask  # slow to import

    brain = load_mni152_brain_mask(resolution=int(_GRID))
    margin = int(_MARGIN / _GRID)
    mask = np.pad(np.asarray(brain.dataobj) > 0, margin)
    affine = np.array(brain.affine, dtype=float)
    affine[:3, 3] -= affine[:3, :3].sum(axis=1) * margin
    away = ndimage.distance_transform_edt(~mask) - ndimage.distance_transform_edt(mask)
    distance = ndimage.gaussian_filter(away.astype(np.float32), 1.0) * np.float32(_GRID)
    where = np.argwhere(np.abs(distance) < _GRID / 2)[::12]
    slopes = np.gradient(ndimage.gaussian_filter(distance, 1.5))
    normals = np.stack([slope[tuple(where.T)] for slope in slopes], -1).astype(float)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Surface(distance, affine, _apply(affine, where.astype(float)), normals)


def fit_affine(surface: Surface, image: Image) -> tuple[Matrix, float]:
    """Return the affine from template to scanner millimetres, and how well it is outlined.

    The second is the share of the surface in the field of view at which the signal drops: above
    0.85 on heads, also on slabs of them, below 0.6 where the fit went wrong.
    """
    trials = [_follow(surface, image, start, (20, 15, 12, 10)) for start in _starts(image)]
    best = sorted(trials, key=lambda trial: -trial[1])[:3]
    trials = [_follow(surface, image, start, (12, 10, 10, 8, 8, 6, 6, 6)) for start, _ in best]
    transform, _ = max(trials, key=lambda trial: trial[1])
    _, weight, seen = _search(image, *_place(surface, transform), 3.0)
    return transform, float((weight[seen] > _DROP).mean()) if seen.any() else 0.0


def fit_depth(surface: Surface, image: Image, transform: Matrix) -> Floats:
    """Return the signed distance (mm) to the fitted surface on the image's grid.

    The points' own offsets, smoothed over their neighbours ever more narrowly, bend the affine's
    surface.
    """
    points, normals = _place(surface, transform)
    offsets = np.zeros(len(points))
    shape = [-(-n // _COARSE) for n in surface.distance.shape]
    coarse = surface.affine @ np.diag([_COARSE, _COARSE, _COARSE, 1.0])
    bend: Floats = np.zeros(shape, dtype=np.float32)
    for reach, width in ((8.0, 14.0), (6.0, 9.0), (5.0, 7.0)):
        moved = points + offsets[:, None] * normals
        found, weight, _ = _search(image, moved, normals, reach)
        bend += _spread(_voxels(coarse, surface.points), shape, found, weight, width)
        offsets = _sample(bend, coarse, surface.points, 0.0).astype(float)
    to_template = np.linalg.inv(transform) @ image.affine
    scale = float(np.cbrt(np.linalg.det(transform[:3, :3])))
    depth = _regrid(surface.distance, surface.affine, to_template, image.flat.shape)
    depth *= np.float32(scale)
    depth -= _regrid(bend, coarse, to_template, image.flat.shape)
    return depth


def _starts(image: Image) -> list[Matrix]:
    """Return first guesses below the top of the head: three pitches, its top cut off or not."""
    where = np.argwhere(largest_component(image.signal))[::7]
    world = _apply(image.affine, where.astype(float))
    top = np.percentile(world[:, 2], 99.8)
    upper = world[world[:, 2] > top - 90]
    middle = np.percentile(upper[:, :2], [1, 99], axis=0).mean(axis=0)
    starts = []
    for lift, pitch in product((0.0, 20.0, 45.0, 70.0, 95.0), np.deg2rad([-20.0, 0.0, 20.0])):
        start = np.eye(4)
        start[1:3, 1:3] = [[np.cos(pitch), -np.sin(pitch)], [np.sin(pitch), np.cos(pitch)]]
        vertex = np.array([*middle, top - _SCALP + lift])
        start[:3, 3] = vertex - start[:3, :3] @ np.array([*_CENTRE, _TOP])
        starts.append(start)
    return starts


def _follow(
    surface: Surface, image: Image, transform: Matrix, reaches: Sequence[float]
) -> tuple[Matrix, float]:
    """Let the affine follow what its points find, looking less and less far.

    The score returned with it is the mean drop in signal across the surface.
    """
    for reach in reaches:
        points, normals = _place(surface, transform)
        offset, weight, _ = _search(image, points, normals, reach)
        weight = weight / (1 + (offset / reach) ** 2)
        transform = _step(transform, points, normals, offset, weight) @ transform
    _, weight, seen = _search(image, *_place(surface, transform), 3.0)
    score = float(weight[seen].mean()) if seen.mean() > _LEAST_SEEN else 0.0
    return transform, score


def _search(
    image: Image, points: Matrix, normals: Matrix, reach: float
) -> tuple[Matrix, Matrix, Mask]:
    """Look along the normals; return each point's offset in mm, its score, and if it was seen.

    The score of an offset is the darkest value met on the way from inside, less what follows
    outside (half its mean, half its darkest), so that the scalp beyond the skull cannot win.
    """
    offsets = np.arange(-reach - 10, reach + 7)  # steps of 1 mm; starts well inside
    line = points[:, None] + offsets[:, None] * normals[:, None]
    profile = _sample(image.flat, image.affine, line, -1)
    middle = np.searchsorted(offsets, 0.0)
    seen = (profile[:, middle] >= 0) & (profile[:, middle - 4] >= 0)
    profile = np.clip(profile, 0, 1)
    smooth = ndimage.uniform_filter1d(profile, 3, axis=1)
    inner = np.minimum.accumulate(smooth, axis=1)
    mean = ndimage.uniform_filter1d(profile, 5, axis=1)
    dark = ndimage.minimum_filter1d(smooth, 7, axis=1)
    score = np.full(profile.shape, -1.0)
    score[:, 2:-5] = inner[:, :-7] - 0.5 * (mean[:, 5:-2] + dark[:, 7:])
    usable = np.abs(offsets) <= reach
    score = score[:, usable] - _PULL * (offsets[usable] / reach) ** 2
    best = score.argmax(axis=1)
    weight = np.take_along_axis(score, best[:, None], axis=1)[:, 0].clip(min=0)
    return offsets[usable][best], np.where(seen, weight, 0), seen


def _step(
    transform: Matrix, points: Matrix, normals: Matrix, offset: Matrix, weight: Matrix
) -> Matrix:
    """Return the small affine change that moves the points' planes by ``offset`` at best.

    Scales and shears are damped and drawn towards those of a usual brain, which decides where
    the field of view is a slab that does not show them.
    """
    centre = points.mean(axis=0)
    arms = (points - centre) / _SCALE
    turns = (normals[:, :, None] * arms[:, None, :]).reshape(-1, 9)
    design = np.concatenate([turns, normals], axis=1)
    left, _, right = np.linalg.svd(transform[:3, :3])
    usual = _USUAL * left @ right @ np.linalg.inv(transform[:3, :3])
    target = np.zeros(12)
    target[:9] = _SCALE * (usual - np.eye(3)).ravel()
    total = max(float(weight.sum()), 1.0)
    draw = total * np.repeat([_DRAW, 0.0], [9, 3])
    damping = total * np.repeat([0.02, 0.002], [9, 3])
    gram = (design * weight[:, None]).T @ design + np.diag(draw + damping)
    change = np.linalg.solve(gram, design.T @ (weight * offset) + draw * target)
    moved = np.eye(4)
    moved[:3, :3] += change[:9].reshape(3, 3) / _SCALE
    moved[:3, 3] = centre - moved[:3, :3] @ centre + change[9:]
    return moved


def _spread(
    voxels: Matrix, shape: Sequence[int], offset: Matrix, weight: Matrix, width: float
) -> Floats:
    """Smooth the points' offsets over ``width`` mm into the template's volume."""
    size, sigma = int(np.prod(shape)), width / (_GRID * _COARSE)
    index = np.ravel_multi_index(tuple(np.rint(voxels).astype(int).T), tuple(shape))
    total, trust, count = (
        ndimage.gaussian_filter(
            np.bincount(index, values, size).reshape(shape).astype(np.float32), sigma
        )
        for values in (weight * offset, weight, np.ones(len(offset)))
    )
    # where no point sees an edge, the surface stays where the affine put it
    return np.asarray(total / (trust + 0.05 * count + 1e-9), dtype=np.float32)


def _place(surface: Surface, transform: Matrix) -> tuple[Matrix, Matrix]:
    normals = surface.normals @ np.linalg.inv(transform[:3, :3])
    return _apply(transform, surface.points), normals / np.linalg.norm(
        normals, axis=1, keepdims=True
    )


def _apply(affine: Matrix, points: Matrix) -> Matrix:
    return np.asarray(points @ affine[:3, :3].T + affine[:3, 3])


def _voxels(affine: Matrix, points: Matrix) -> Matrix:
    return _apply(np.linalg.inv(affine).astype(float), points)


def _sample(volume: Floats, affine: Matrix, points: Matrix, outside: float) -> Floats:
    voxels = np.moveaxis(_voxels(affine, points), -1, 0)
    return np.asarray(
        ndimage.map_coordinates(volume, voxels, order=1, cval=outside, prefilter=False)
    )


def _regrid(volume: Floats, affine: Matrix, to_world: Matrix, shape: Sequence[int]) -> Floats:
    """Interpolate a volume on another grid, given that grid's map to the volume's millimetres."""
    index = np.linalg.inv(affine) @ to_world
    return np.asarray(
        ndimage.affine_transform(
            volume, index, output_shape=tuple(shape), order=1, mode="nearest", prefilter=False
        )
    )
