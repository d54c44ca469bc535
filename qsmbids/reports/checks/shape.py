"""The total field against the one that the head's own shape makes in air."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import scipy.fft as sf
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from qsmbids.array_types import Bool, Float
from qsmbids.phase.field_sign import TISSUE_MINUS_AIR
from qsmbids.physics.kernel import frequencies
from qsmbids.physics.kspace import fast_size
from qsmbids.reports.checks.blocks import Blocks

_EDGE = 5.0  # mm
_LEAST_EXTENT = 100.0  # mm of a head that shows its shape
_LEAST_BLOCKS = 500
_LEAST_HEAD = 1.25  # times the brain; less is a stripped image
_TILTS = np.arange(-60.0, 61.0, 7.5)
_FINE = np.arange(-6.0, 7.0, 3.0)


def against_shape(
    field: Float,
    weight: Float,
    head: Bool,
    *,
    mask: Bool,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
) -> dict[str, float]:
    """Return how the field goes with that of the head's shape, for B0 as stated and tilted.

    Parameters
    ----------
    field : (x, y, z) float32 array
        Total field in ppm, zero off the brain.
    weight : (x, y, z) float32 array
        Confidence in it, 0 to 1.
    head : (x, y, z) bool array
        Where the magnitude holds signal.
    mask : (x, y, z) bool array
        The brain.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.
    b0_dir : (3,) sequence of float
        B0 along the voxel axes, as stated.

    Returns
    -------
    dict
        ``slow``: median of the field's size in ppm, less what a shim could have made. Where the
        image shows the head's shape also ``agreement``: correlation of the two fields;
        ``best agreement`` and ``tilt``: the largest over directions of B0, and how many degrees
        that is from the stated one.

    Notes
    -----
    The field is a quadratic form of the direction of B0: six convolutions give it for all.

    References
    ----------
    Marques and Bowtell, Concepts Magn Reson B 25:65 (2005).
    """
    blocks = Blocks(voxel_size, _EDGE)
    tissue = blocks.mean(head)
    measured, trust = blocks.trusted(field, weight * (head & (field != 0)))
    use = (tissue > 0.9) & (trust > 0.1 * trust.max())
    if np.count_nonzero(use) < _LEAST_BLOCKS:
        return {}
    shim, _ = np.linalg.qr(_harmonics(use, blocks.edges))
    seen = _without(measured[use], shim)
    told = {"slow": float(np.median(np.abs(seen)))}
    places = np.argwhere(tissue > 0.5)
    extent = (np.ptp(places, axis=0) + 1) * blocks.edges
    bare = np.count_nonzero(head) < _LEAST_HEAD * np.count_nonzero(mask)
    if bare or extent.min() < _LEAST_EXTENT or tissue.mean() > 0.95:
        return told
    model = _Model(tissue, use, blocks.edges, b0_dir, shim)
    clipped = _clip(seen)

    def agreement(direction: NDArray[np.float64]) -> float:
        return float(np.corrcoef(clipped, _clip(model.field(direction)))[0, 1])

    stated = np.asarray(b0_dir, dtype=float)
    best, tilt = _search(agreement, stated)
    return {**told, "agreement": agreement(stated), "best agreement": best, "tilt": tilt}


def _search(
    agreement: Callable[[NDArray[np.float64]], float], stated: NDArray[np.float64]
) -> tuple[float, float]:
    """Return the largest agreement, and the angle in degrees at which it is found."""
    across = np.linalg.svd(stated[None])[2][1:]  # two axes at right angles to B0
    centre = np.zeros(2)
    for steps in (_TILTS, _FINE):
        tried = [centre + pair for pair in itertools.product(steps, steps)]
        tried = [one for one in tried if np.hypot(*one) <= _TILTS[-1]]
        turned = [Rotation.from_rotvec(np.deg2rad(one @ across)).apply(stated) for one in tried]
        scores = [agreement(direction) for direction in turned]
        centre = tried[int(np.argmax(scores))]
    return max(scores), float(np.hypot(*centre))


class _Model:
    """The field of tissue in air in some blocks, less what a shim could have made."""

    def __init__(
        self,
        tissue: Float,
        use: Bool,
        edges: Sequence[float],
        b0_dir: Sequence[float],
        shim: NDArray[np.float64],
    ):
        pad = max(tissue.shape) // 2
        longer = np.pad(tissue, pad, mode="edge")
        axis = int(np.argmax(np.abs(b0_dir)))
        up = b0_dir[axis] > 0  # the head goes on downwards, not upwards
        beyond = slice(pad + tissue.shape[axis], None) if up else slice(0, pad)
        np.moveaxis(longer, axis, 0)[beyond] = 0
        padded = tuple(fast_size(n) for n in longer.shape)
        k = frequencies(padded, edges)
        k2 = k[0] ** 2 + k[1] ** 2 + k[2] ** 2
        k2[0, 0, 0] = 1.0
        spectrum = sf.rfftn(np.float32(TISSUE_MINUS_AIR) * longer, padded)
        inside = tuple(slice(pad, pad + n) for n in tissue.shape)
        self._parts = np.zeros((3, 3, int(use.sum())))
        for i, j in itertools.combinations_with_replacement(range(3), 2):
            part = sf.irfftn(spectrum * (k[i] * k[j] / k2).astype(np.float32), padded)
            self._parts[i, j] = self._parts[j, i] = _without(part[inside][use], shim)
        self._mean = np.einsum("iiv->v", self._parts) / 3

    def field(self, direction: NDArray[np.float64]) -> NDArray[np.float64]:
        b = direction / np.linalg.norm(direction)
        return np.asarray(self._mean - np.einsum("i,j,ijv->v", b, b, self._parts))


def _without(values: NDArray[np.floating], shim: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values - shim @ (shim.T @ values))


def _clip(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sinus and skull make a few large values; clipped, all of the head speaks."""
    limit = 2 * np.median(np.abs(values)) / 0.6745
    return np.clip(values, -limit, limit)


def _harmonics(use: Bool, edges: Sequence[float]) -> NDArray[np.float64]:
    """Return the solid harmonics up to the second degree in the blocks, (block, 9)."""
    x, y, z = ((np.argwhere(use) - np.array(use.shape) / 2) * edges / 100).T
    terms = [x**0, x, y, z, x * y, y * z, x * z, x * x - y * y, 2 * z * z - x * x - y * y]
    return np.stack(terms, axis=1)
