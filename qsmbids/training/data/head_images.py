"""Images of whole heads synthesised from label maps, of any contrast, with the brain's distance.

References
----------
Hoopes A, Mora JS, Dalca AV, Fischl B, Hoffmann M. SynthStrip: skull-stripping for any brain image.
NeuroImage 2022;260:119474.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from qsmbids.networks.brainmask_net import LIMIT
from qsmbids.training.data.acquisition import Acquisition, acquired
from qsmbids.training.data.label_maps import (
    AIR,
    BONE,
    BRAIN,
    CAVITY,
    CSF,
    EDGE,
    FAR,
    NEAR,
    LabelMap,
    load,
)
from qsmbids.training.data.shapes import paint

Float = NDArray[np.float32]


@dataclass(frozen=True)
class HeadImages:
    """How far synthesised heads vary.

    Parameters
    ----------
    edge : (2,) tuple of float
        Range of the voxels' edge in mm; small patches take the upper half of it, so that most
        show a whole head.
    tilt : float
        Largest rotation about each axis in degrees.
    size : (2,) tuple of float
        Range of the head's size relative to the label map's.
    elastic : float
        Standard deviation of the random displacement in mm.
    layers : (2,) tuple of float
        Range of the thickness of skull and scalp relative to the label map's.
    stripped, defaced, lesions, fluid : float
        Shares of the heads without all that is not brain, without face, with lesions or
        resections, with fluid around the brain.
    measured : float
        Share of the heads that show the image that the label map was made from, where it is kept.
    brainless : float
        Share of the samples that are phantoms or noise.
    acquisition : Acquisition
        How the image is taken.
    """

    edge: tuple[float, float] = (1.8, 3.2)
    tilt: float = 40.0
    size: tuple[float, float] = (0.78, 1.15)
    elastic: float = 4.0
    layers: tuple[float, float] = (0.6, 1.8)
    stripped: float = 0.08
    defaced: float = 0.12
    lesions: float = 0.2
    fluid: float = 0.5
    measured: float = 0.3
    brainless: float = 0.05
    acquisition: Acquisition = field(default_factory=Acquisition)


class HeadSamples:
    """Samples for brain extraction, each from one of the label maps at random.

    Parameters
    ----------
    paths : sequence of Path
        Label maps.
    how : HeadImages
        How far samples vary.
    """

    def __init__(self, paths: Sequence[Path], how: HeadImages):
        self.paths, self.how = list(paths), how

    def __call__(self, rng: np.random.Generator, size: int) -> dict[str, Any]:
        """Return one sample.

        Returns
        -------
        dict
            ``image``, about 0 to 1; ``distance``, signed distance to the brain's surface in mm
            within `LIMIT`, negative inside; ``mask``, 1 in the field of view; all (x, y, z)
            float32 of edge ``size``.
        """
        how = self.how
        if rng.random() < how.brainless:
            return _phantom(rng, size, how)
        head = load(self.paths[rng.integers(len(self.paths))])
        edge = (
            float(rng.uniform(*how.edge))
            if size > 64
            else float(rng.uniform(np.mean(how.edge), how.edge[1]))
        )
        places, scale = _places(rng, head, size, edge, how)
        distance = _sampled(head.distance, places, 1, 60.0) * np.float32(scale)
        if head.image is not None and rng.random() < how.measured:
            image = _sampled(head.image, places, 1, 0.0)
        else:
            labels = _sampled(head.labels, places, 0, AIR)
            image = _painted(rng, _varied(rng, labels, distance, how, edge), edge)
        if rng.random() < how.lesions:
            _paint_lesions(rng, image, distance, edge)
        if rng.random() < how.defaced:
            image[_face(rng, head, places)] = 0
        if rng.random() < how.stripped:
            image[distance > rng.uniform(-1, 6)] = 0
        return _taken(rng, image, distance, edge, how)


def _taken(
    rng: np.random.Generator, image: Float, distance: Float, edge: float, how: HeadImages
) -> dict[str, Any]:
    image, view = acquired(rng, image, distance, edge, how.acquisition)
    limited = np.clip(distance, -LIMIT, LIMIT)
    return {"image": image, "distance": limited, "mask": view.astype(np.float32)}


def _phantom(rng: np.random.Generator, size: int, how: HeadImages) -> dict[str, Any]:
    """Return a sample without a brain: a few bodies of simple shape, or noise alone."""
    image = np.zeros((size,) * 3, np.float32)
    for _ in range(rng.integers(0, 5)):
        kind = str(rng.choice(("sphere", "ellipsoid", "cuboid", "cylinder")))
        paint(image, rng, kind, rng.uniform(0.08, 0.45) * size, rng.uniform(0.3, 1))
    nowhere = np.full(image.shape, 6 * LIMIT, np.float32)
    return _taken(rng, np.abs(image), nowhere, float(rng.uniform(*how.edge)), how)


def _places(
    rng: np.random.Generator, head: LabelMap, size: int, edge: float, how: HeadImages
) -> tuple[Float, float]:
    """Return where in the label map each voxel lies (3, x, y, z), and the head's scale."""
    scale = rng.uniform(*how.size)
    angles = np.deg2rad(how.tilt) * rng.uniform(-1, 1, 3) * rng.random()
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
        sd = how.elastic * rng.random() * min(1.0, reach / 60.0 + 0.2) / EDGE
        places += np.float32(sd) * _smooth(rng, nodes, 2 * edge, reach, 3)
    places += middle.astype(np.float32)[:, None, None, None]
    # skull and scalp thicker or thinner than the label map's: look up nearer or farther out
    near = np.clip(_sampled(head.distance, places, 1, 40.0), 0, 25)
    factor = np.exp(rng.uniform(*np.log(how.layers)))
    outward = np.stack([_sampled(part, places, 1, 0.0) for part in head.outward])
    places += (np.float32(1 / factor - 1) / np.float32(EDGE)) * near * outward
    return _doubled(places, size), float(scale)


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
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_euler("xyz", angles).as_matrix())


def _smooth(
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


def _sampled(volume: NDArray[Any], places: Float, order: int, outside: float) -> NDArray[Any]:
    return np.asarray(
        ndimage.map_coordinates(volume, places, order=order, cval=outside, prefilter=False)
    )


def _varied(
    rng: np.random.Generator,
    labels: NDArray[np.uint8],
    distance: Float,
    how: HeadImages,
    edge: float,
) -> NDArray[np.uint8]:
    """Put fluid or dura between brain and skull, and shrink the brain in its fluid."""
    if rng.random() >= how.fluid:
        return labels
    ragged = 1 + 0.5 * _smooth(rng, len(labels), edge, 15.0)[0]
    outer = np.float32(rng.uniform(0, 5)) * ragged
    labels = np.where((distance > 0) & (distance < outer) & (labels != AIR), CSF, labels)
    if rng.random() < 0.5:
        inner = np.float32(rng.uniform(0, 3)) * ragged
        labels = np.where((distance < 0) & (distance > -inner), CSF, labels)
    return np.asarray(labels, np.uint8)


def _painted(rng: np.random.Generator, labels: NDArray[np.uint8], edge: float) -> Float:
    """Return an image with a random value and texture for each label."""
    means = np.zeros(16)
    tissue = rng.uniform(0.3, 1.0)
    if rng.random() < 0.6:  # gradient echoes show little contrast in the brain
        means[list(BRAIN)] = tissue * (1 + rng.normal(0, 0.12, 3))
        means[CSF] = tissue * rng.uniform(0.3, 1.6)
    else:
        means[list(BRAIN)] = rng.uniform(0.1, 1, 3)
    for group in (NEAR, FAR):
        if rng.random() < 0.5:  # as ordered as in the label map, dark to bright or the reverse
            first, last = (float(end) for end in rng.uniform(0, 1.4, 2))
            steps = np.linspace(first, last, len(group))
            means[list(group)] = steps + rng.normal(0, 0.1, len(group))
        else:
            means[list(group)] = rng.uniform(0, 1.4, len(group))
    dark = 0.15 if rng.random() < 0.75 else 0.6
    means[[BONE, CAVITY]] = rng.uniform(0, dark, 2)
    if rng.random() < 0.3:  # no scalp to be seen
        means[list(NEAR)] *= rng.uniform(0.05, 0.5)
    means[AIR] = rng.uniform(0, 0.03)
    means = np.clip(means, 0, None).astype(np.float32)
    rough = np.abs(rng.normal(0, 0.08, 16)).astype(np.float32)
    rough[AIR] = 0
    texture = rng.standard_normal(labels.shape, dtype=np.float32)
    sigma = rng.uniform(0, 1.5)
    texture = ndimage.gaussian_filter(texture, sigma, truncate=2.0) * np.float32(
        (1 + 2 * sigma) ** 1.5
    )
    image = means[labels] * (1 + rough[labels] * texture)
    return np.asarray(np.clip(image, 0, None), np.float32)


def _paint_lesions(rng: np.random.Generator, image: Float, distance: Float, edge: float) -> None:
    """Paint one to three blobs of random value into the brain, some through its surface."""
    inside = np.argwhere(distance < 2)
    if not len(inside):
        return
    value = float(np.quantile(image, 0.99)) * rng.uniform(0, 1.3)
    for _ in range(rng.integers(1, 4)):
        centre = inside[rng.integers(len(inside))]
        radii = rng.uniform(3, 20) * rng.uniform(0.6, 1.5, 3) / edge
        parts = np.ogrid[tuple(slice(0, n) for n in image.shape)]
        away = sum(((p - c) / r) ** 2 for p, c, r in zip(parts, centre, radii, strict=True))
        soft = np.clip(1.5 - away, 0, 1) * (distance < 2)
        image += (soft * (value * rng.uniform(0.7, 1.3) - image)).astype(np.float32)


def _face(rng: np.random.Generator, head: LabelMap, places: Float) -> NDArray[np.bool_]:
    """Return what a defacing takes away: all in front of and below a plane off the brain."""
    slope = rng.uniform(0.4, 1.2)
    forward = places[1] - np.float32(slope) * places[2]
    brain = np.argwhere(head.distance < 0)
    limit = np.quantile(brain[:, 1] - slope * brain[:, 2], 0.999) + rng.uniform(2, 15) / EDGE
    return np.asarray(forward > limit)
