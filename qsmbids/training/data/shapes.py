"""Purely synthetic susceptibility: shapes at all scales in random, brain-like masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qsmbids.array_types import Float, Mask
from qsmbids.inference.perturbation import place_shape, random_rotation
from qsmbids.training.data.random_fields import SmoothNoise


@dataclass(frozen=True)
class Shapes:
    """Which shapes the purely synthetic susceptibility is made of.

    Parameters
    ----------
    regions : bool
        Fill the mask with regions at all scales; without them most of it is empty.
    largest : float
        Half-width of the largest painted shape as a share of the patch's edge.
    margin : int or None
        Instead of a random mask, one that is the whole patch but so many voxels along each
        face, in which there are no sources.

    References
    ----------
    Jochmann et al., "How to train a deep convolutional neural network for QSM": shapes that
    are too small, or no margin, spoil the maps.
    """

    regions: bool = True
    largest: float = 0.3
    margin: int | None = None


@dataclass(frozen=True)
class RandomShapes:
    """The source ``shapes``: random shapes in a random mask, or in one with a margin all around."""

    how: Shapes

    def __call__(self, rng: np.random.Generator, noise: SmoothNoise) -> tuple[Float, Mask]:
        """Return susceptibility in ppm and mask, both (x, y, z) on the noise's grid."""
        chi = random_shapes(rng, noise, self.how)
        if self.how.margin is None:
            return chi, random_mask(rng, noise)
        return chi, box_mask(noise.shape, self.how.margin)


def random_mask(rng: np.random.Generator, noise: SmoothNoise) -> Mask:
    """Return a brain-like mask: a warped ellipsoid, eroded and ragged at its rim.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    noise : SmoothNoise
        On the grid of the mask.
    """
    shape = np.array(noise.shape)
    half = shape * rng.uniform(0.38, 0.56, 3)
    centre = (shape - 1) / 2 + rng.uniform(-0.06, 0.06, 3) * shape
    axes = np.ogrid[tuple(slice(0, n) for n in noise.shape)]
    # a power above 2 fills the corners of the grid more than an ellipsoid does
    power = rng.uniform(2.0, 4.0)
    radius = sum(
        np.abs((a - c).astype(np.float32) / np.float32(h)) ** np.float32(power)
        for a, c, h in zip(axes, centre, half, strict=True)
    )
    level = 1 - radius
    level += np.float32(rng.uniform(0.05, 0.3)) * noise(rng.uniform(4, 10))
    level += np.float32(rng.uniform(0.0, 0.15)) * noise(rng.uniform(1, 2.5))
    inside = level > 0
    margin = rng.integers(0, 5, 6)
    for axis in range(3):
        edge = np.moveaxis(inside, axis, 0)
        edge[: margin[axis]] = False
        edge[shape[axis] - margin[axis + 3] :] = False
    if inside.mean() < 0.1:  # a warp that left almost nothing
        inside = radius < 1
    return np.asarray(inside)


def box_mask(shape: Sequence[int], margin: int) -> Mask:
    """Return a mask (x, y, z) that leaves ``margin`` voxels along each face free of sources."""
    inside = np.zeros(shape, bool)
    inside[tuple(slice(margin, n - margin) for n in shape)] = True
    return inside


def random_shapes(rng: np.random.Generator, noise: SmoothNoise, how: Shapes | None = None) -> Float:
    """Return random susceptibility (x, y, z) in ppm, everywhere on the grid.

    Regions of all sizes from thresholded smooth noise, then ellipsoids, cuboids and tubes
    painted over them, texture, and now and then veins and strong sources.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    noise : SmoothNoise
        On the grid of the map.
    how : Shapes, optional
        Which shapes.
    """
    how = how or Shapes()
    chi = np.zeros(noise.shape, np.float32)
    contrast = 10 ** rng.uniform(-1.7, -0.8)  # 0.02 to 0.16 ppm
    for _ in range(rng.integers(2, 5) if how.regions else 0):
        chi += _regions(rng, noise(np.exp(rng.uniform(np.log(1.5), np.log(14)))), contrast)
    for _ in range(rng.integers(5, 40)):
        size = np.exp(rng.uniform(np.log(1.0), np.log(max(how.largest * min(noise.shape), 1))))
        value = rng.normal(0, contrast) * rng.choice((1, 1, 1, 2.5))
        paint(chi, rng, rng.choice(("ellipsoid", "cuboid", "tube")), size, value)
    if rng.random() < 0.6:
        for _ in range(rng.integers(3, 25)):
            paint(chi, rng, "tube", rng.uniform(0.4, 1.8), rng.uniform(0.15, 0.45))
    texture = np.float32(contrast * rng.uniform(0.02, 0.3))
    chi += texture * noise(np.exp(rng.uniform(np.log(0.6), np.log(5))))
    if rng.random() < 0.3:
        paint_strong(chi, rng, most=3)
    return chi


def _regions(rng: np.random.Generator, field: Float, contrast: float) -> Float:
    """Return a field cut into two to four levels of random value, soft over about a voxel."""
    cuts = np.sort(rng.normal(0, 0.8, rng.integers(1, 4)))
    slope = np.float32(rng.uniform(4, 30))
    values = np.zeros_like(field)
    for cut in cuts:
        step = rng.normal(0, contrast)
        values += np.float32(step) * np.clip(slope * (field - np.float32(cut)) + 0.5, 0, 1)
    return values


def paint_strong(chi: Float, rng: np.random.Generator, most: int) -> None:
    """Paint one to ``most`` strong sources, para- or diamagnetic, into ``chi`` (x, y, z) in ppm."""
    for _ in range(rng.integers(1, most + 1)):
        value = rng.choice((-1, 1)) * rng.uniform(0.4, 2.2)
        paint(chi, rng, "ellipsoid", rng.uniform(1, 5), value)


def paint(chi: Float, rng: np.random.Generator, kind: str, size: float, value: float) -> None:
    """Paint one shape of random place, direction and proportions into ``chi``.

    Parameters
    ----------
    chi : (x, y, z) float32 array
        Changed in place.
    rng : numpy.random.Generator
        Random generator.
    kind : {"ellipsoid", "sphere", "cuboid", "cylinder", "tube"}
        A tube is long, a cylinder as long as it is wide.
    size : float
        Typical half-width in voxels.
    value : float
        The shape's susceptibility in ppm.
    """
    radii = size * (1.0 if kind == "sphere" else rng.uniform(0.5, 1.6, 3)) * np.ones(3)
    if kind == "tube":
        radii = np.array([size, size, rng.uniform(8, 40)])
    place_shape(chi, kind, rng.uniform(0, chi.shape), random_rotation(rng), radii, value)
