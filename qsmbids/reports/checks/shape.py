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
    compared = _normal(_clip(seen[None].astype(np.float32)))[0]

    def agreement(directions: NDArray[np.float64]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = _normal(_clip(model.fields(directions))) @ compared
        return found

    stated = np.asarray(b0_dir, dtype=float)
    best, tilt = _search(agreement, stated)
    given = float(agreement(stated[None])[0])
    return {**told, "agreement": given, "best agreement": best, "tilt": tilt}


def _search(
    agreement: Callable[[NDArray[np.float64]], NDArray[np.float32]], stated: NDArray[np.float64]
) -> tuple[float, float]:
    """Return the largest agreement, and the angle in degrees at which it is found."""
    across = np.linalg.svd(stated[None])[2][1:]  # two axes at right angles to B0
    centre = np.zeros(2)
    for steps in (_TILTS, _FINE):
        tried = centre + np.array(list(itertools.product(steps, steps)))
        tried = tried[np.hypot(*tried.T) <= _TILTS[-1]]
        scores = agreement(Rotation.from_rotvec(np.deg2rad(tried @ across)).apply(stated))
        centre = tried[int(scores.argmax())]
    return float(scores.max()), float(np.hypot(*centre))


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
        self._parts = np.zeros((3, 3, int(use.sum())), np.float32)
        for i, j in itertools.combinations_with_replacement(range(3), 2):
            part = sf.irfftn(spectrum * (k[i] * k[j] / k2).astype(np.float32), padded)
            self._parts[i, j] = self._parts[j, i] = _without(part[inside][use], shim)
        self._mean = np.einsum("iiv->v", self._parts) / 3

    def fields(self, directions: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the field (direction, block) for B0 along each of the directions."""
        unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        pairs = (unit[:, :, None] * unit[:, None, :]).reshape(-1, 9).astype(np.float32)
        fields: NDArray[np.float32] = self._mean - pairs @ self._parts.reshape(9, -1)
        return fields


def _without(values: NDArray[np.floating], shim: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values - shim @ (shim.T @ values))


def _clip(fields: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sinus and skull make a few large values; clipped, all of the head speaks."""
    limit = 2 * np.median(np.abs(fields), axis=1, keepdims=True) / np.float32(0.6745)
    return np.clip(fields, -limit, limit)


def _normal(fields: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return fields (direction, block) of mean 0 and norm 1, so that products correlate them."""
    fields = fields - fields.mean(axis=1, keepdims=True)
    return fields / np.linalg.norm(fields, axis=1, keepdims=True)


def _harmonics(use: Bool, edges: Sequence[float]) -> NDArray[np.float64]:
    """Return the solid harmonics up to the second degree in the blocks, (block, 9)."""
    x, y, z = ((np.argwhere(use) - np.array(use.shape) / 2) * edges / 100).T
    terms = [x**0, x, y, z, x * y, y * z, x * z, x * x - y * y, 2 * z * z - x * x - y * y]
    return np.stack(terms, axis=1)
