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

from qsmbids.array_types import Float
from qsmbids.networks.brainmask_net import LIMIT
from qsmbids.training.data.acquisition import Acquisition, acquired
from qsmbids.training.data.head_contrast import add_fluid, face_of, paint_lesions, painted
from qsmbids.training.data.head_deformation import places_of, sampled
from qsmbids.training.data.label_maps import (
    AIR,
    load,
)
from qsmbids.training.data.shapes import paint


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
        scale = float(rng.uniform(*how.size))
        places = places_of(
            rng,
            head,
            size,
            edge,
            scale=scale,
            tilt=how.tilt,
            elastic=how.elastic,
            layers=how.layers,
        )
        distance = sampled(head.distance, places, 1, 60.0) * np.float32(scale)
        if head.image is not None and rng.random() < how.measured:
            image = sampled(head.image, places, 1, 0.0)
        else:
            labels = sampled(head.labels, places, 0, AIR)
            if rng.random() < how.fluid:
                labels = add_fluid(rng, labels, distance, edge)
            image = painted(rng, labels, edge)
        if rng.random() < how.lesions:
            paint_lesions(rng, image, distance, edge)
        if rng.random() < how.defaced:
            image[face_of(rng, head, places)] = 0
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
