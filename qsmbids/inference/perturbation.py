"""Strong sources of simple shape, painted into susceptibility maps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Float
from qsmbids.physics import DipoleConvolution

PERTURBATIONS = ("ellipsoid", "sphere", "cuboid", "cylinder")


def random_rotation(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a rotation matrix (3, 3), uniform over all rotations."""
    q, r = np.linalg.qr(rng.standard_normal((3, 3)))
    q = q * np.sign(np.diag(r))
    q[:, 0] *= np.linalg.det(q)
    return np.asarray(q)


def place_shape(
    chi: Float,
    kind: str,
    centre: Sequence[float] | NDArray[np.float64],
    rotation: NDArray[np.float64],
    radii: NDArray[np.float64],
    value: float,
) -> None:
    """Paint one shape, its surface blurred over a voxel, into ``chi`` in place.

    Parameters
    ----------
    chi : (x, y, z) float32 array
        Changed in place.
    kind : {"ellipsoid", "sphere", "cuboid", "cylinder", "tube"}
        A tube is a cylinder here.
    centre, radii : (3,) array
        In voxels.
    rotation : (3, 3) array
        Its rows are the shape's own axes.
    value : float
        The shape's susceptibility in ppm.
    """
    reach = np.abs(rotation.T) @ radii + 1
    low = np.clip(np.floor(np.asarray(centre) - reach), 0, chi.shape).astype(int)
    high = np.clip(np.ceil(np.asarray(centre) + reach) + 1, 0, chi.shape).astype(int)
    if (high <= low).any():
        return
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    offsets = [np.arange(a, b) - c for a, b, c in zip(low, high, centre, strict=True)]
    x, y, z = (o.astype(np.float32) for o in offsets)
    scaled = (rotation / radii[:, None]).astype(np.float32)
    u = [np.abs(r[0] * x[:, None, None] + r[1] * y[:, None] + r[2] * z) for r in scaled]
    if kind == "cuboid":
        inside = np.min([(1 - a) * r for a, r in zip(u, radii, strict=True)], axis=0)
    elif kind in ("cylinder", "tube"):
        radial = (1 - np.hypot(u[0], u[1])) * min(radii[:2])
        inside = np.minimum(radial, (1 - u[2]) * radii[2])
    else:
        distance = np.sqrt(u[0] ** 2 + u[1] ** 2 + u[2] ** 2)
        inside = (1 - distance) * radii.min()
    share = np.clip(inside + 0.5, 0, 1).astype(np.float32)
    part = chi[box]
    part += share * (np.float32(value) - part)


def perturbation(
    rng: np.random.Generator,
    dipole: DipoleConvolution,
    kind: str = "ellipsoid",
    strength: float = 1.5,
    *,
    count: int = 6,
    radii: tuple[float, float] = (2.0, 6.0),
) -> tuple[Float, Float]:
    """Return strong sources (ppm), six by default, and their field (ppm).

    Each value is normal about ``strength`` with a deviation of 0.1,
    and negative with a probability of one third.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    dipole : DipoleConvolution
        Of the patch.
    kind : {"ellipsoid", "sphere", "cuboid", "cylinder"}
        Their shape.
    strength : float
        In ppm.
    count : int
        How many sources.
    radii : (2,) tuple of float
        Range of their semi-axes in voxels.

    References
    ----------
    Liu, "Improved model-based learning with data augmentation for QSM", MIDL 2022.
    """
    source = np.zeros(dipole.shape, np.float32)
    for _ in range(count):
        value = rng.normal(strength, 0.1) * (-1 if rng.random() < 1 / 3 else 1)
        axes = rng.uniform(*radii, 3) if kind != "sphere" else np.full(3, rng.uniform(*radii))
        centre = rng.uniform(6, np.maximum(np.array(dipole.shape) - 6, 7))
        place_shape(source, kind, centre, random_rotation(rng), axes, value)
    return source, dipole(source)
