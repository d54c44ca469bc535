"""What an image of a head shows: fluid, a value and texture for each label, lesions, no face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from qsmbids.array_types import Float
from qsmbids.training.data.head_deformation import smooth_fields
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
)


def add_fluid(
    rng: np.random.Generator,
    labels: NDArray[np.uint8],
    distance: Float,
    edge: float,
) -> NDArray[np.uint8]:
    """Put fluid or dura between brain and skull, and shrink the brain in its fluid."""
    ragged = 1 + 0.5 * smooth_fields(rng, len(labels), edge, 15.0)[0]
    outer = np.float32(rng.uniform(0, 5)) * ragged
    labels = np.where((distance > 0) & (distance < outer) & (labels != AIR), CSF, labels)
    if rng.random() < 0.5:
        inner = np.float32(rng.uniform(0, 3)) * ragged
        labels = np.where((distance < 0) & (distance > -inner), CSF, labels)
    return np.asarray(labels, np.uint8)


def painted(rng: np.random.Generator, labels: NDArray[np.uint8], edge: float) -> Float:
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


def paint_lesions(rng: np.random.Generator, image: Float, distance: Float, edge: float) -> None:
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


def face_of(rng: np.random.Generator, head: LabelMap, places: Float) -> NDArray[np.bool_]:
    """Return what a defacing takes away: all in front of and below a plane off the brain."""
    slope = rng.uniform(0.4, 1.2)
    forward = places[1] - np.float32(slope) * places[2]
    brain = np.argwhere(head.distance < 0)
    limit = np.quantile(brain[:, 1] - slope * brain[:, 2], 0.999) + rng.uniform(2, 15) / EDGE
    return np.asarray(forward > limit)
