"""Heads tilted, scaled, deformed, and with layers of another thickness around the brain."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from qsmbids.array_types import Float
from qsmbids.training.data.label_maps import EDGE, LabelMap


def places_of(
    rng: np.random.Generator,
    head: LabelMap,
    size: int,
    edge: float,
    *,
    scale: float,
    tilt: float,
    elastic: float,
    layers: tuple[float, float],
) -> Float:
    """Return where in the label map each voxel of a random view of it lies.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    head : LabelMap
        The label map.
    size, edge
        Voxels along each axis; their edge in mm.
    scale : float
        The head's size relative to the label map's.
    tilt, elastic, layers
        As in `qsmbids.training.data.head_images.HeadImages`.

    Returns
    -------
    (3, size, size, size) float32 array
        In voxels of the label map.
    """
    angles = np.deg2rad(tilt) * rng.uniform(-1, 1, 3) * rng.random()
    matrix = _rotation(angles) @ np.diag(rng.uniform(0.92, 1.08, 3))
    matrix = matrix + rng.normal(0, 0.03, (3, 3))
    if rng.random() < 0.5:
        matrix[0] *= -1  # left and right
    matrix *= edge / (EDGE * scale)
    brain = np.argwhere(head.distance < 0).mean(0)
    middle = brain + rng.normal(0, 15, 3) / EDGE
    middle[2] -= rng.uniform(0, 25) / EDGE  # more neck than air
    # every other voxel, and what lies between by interpolation: all that follows is smooth
    nodes = size // 2 + 1
    grid = 2 * np.indices((nodes,) * 3, np.float32) - np.float32((size - 1) / 2)
    places = np.tensordot(matrix.astype(np.float32), grid, 1)
    for reach in (60.0, 25.0):  # mm
        sd = elastic * rng.random() * min(1.0, reach / 60.0 + 0.2) / EDGE
        places += np.float32(sd) * smooth_fields(rng, nodes, 2 * edge, reach, 3)
    places += middle.astype(np.float32)[:, None, None, None]
    # skull and scalp thicker or thinner than the label map's: look up nearer or farther out
    near = np.clip(sampled(head.distance, places, 1, 40.0), 0, 25)
    factor = np.exp(rng.uniform(*np.log(layers)))
    outward = np.stack([sampled(part, places, 1, 0.0) for part in head.outward])
    places += (np.float32(1 / factor - 1) / np.float32(EDGE)) * near * outward
    return _doubled(places, size)


def _doubled(nodes: Float, size: int) -> Float:
    """Return values (3, x, y, z) at every voxel from those at every other one."""
    for axis in (1, 2, 3):
        first = np.moveaxis(nodes, axis, 0)
        between = np.empty((2 * len(first) - 1, *first.shape[1:]), np.float32)
        between[::2] = first
        between[1::2] = (first[1:] + first[:-1]) / 2
        nodes = np.moveaxis(between[:size], 0, axis)
    return np.ascontiguousarray(nodes)


def _rotation(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(Rotation.from_euler("xyz", angles).as_matrix())


def smooth_fields(
    rng: np.random.Generator, size: int, edge: float, reach: float, count: int = 1
) -> Float:
    """Return random fields (count, x, y, z) of unit variance that vary over ``reach`` mm."""
    nodes = max(2, int(np.ceil(size * edge / reach))) + 3
    step = (nodes - 3) / max(size - 1, 1)
    coarse = rng.standard_normal((count, nodes, nodes, nodes), dtype=np.float32)
    fields = np.empty((count, size, size, size), np.float32)
    for own, values in zip(fields, coarse, strict=True):
        ndimage.affine_transform(
            values,
            np.full(3, step),
            offset=1.0,
            output_shape=own.shape,
            output=own,
            order=2,
            mode="mirror",
        )
        own /= max(float(own.std()), 1e-6)
    return fields


def sampled(volume: NDArray[Any], places: Float, order: int, outside: float) -> NDArray[Any]:
    """Return a volume's values at places (3, x, y, z) in voxels, ``outside`` beyond its faces."""
    return np.asarray(
        ndimage.map_coordinates(volume, places, order=order, cval=outside, prefilter=False)
    )
