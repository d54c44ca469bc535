"""Which way the phase turns: told from the field that the head's own shape makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from qsmbids.array_types import Bool, Float
from qsmbids.physics import forward_field

TISSUE_MINUS_AIR = -9.4
"""Susceptibility of tissue (-9.05 ppm) less that of air (+0.36 ppm)."""

_GRID = 4.0  # mm: the head's shape needs no finer grid
_LEAST_EXTENT = 80.0  # mm: less than that along an axis is no head
_LEAST_CORRELATION = 0.35  # a mask of the brain alone, which is no head, reaches 0.3
_LEAST_AIR = 0.05  # share of the image that must be air, to show the head's shape


class SignGuess(NamedTuple):
    """The phase's sign, how well the field agrees with it (-1 to 1), and whether to trust it.

    ``sign`` is -1 where the phase must be negated to follow the package's convention.
    """

    sign: int
    correlation: float
    certain: bool


def detect_sign(
    field: ArrayLike,
    signal_mask: ArrayLike,
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float] = (0, 0, 1),
    weight: ArrayLike | None = None,
) -> SignGuess:
    """Compare the measured field with the one that tissue in air makes by its shape.

    Parameters
    ----------
    field : (x, y, z) array_like
        Total field in ppm, zero where it was not measured.
    signal_mask : (x, y, z) array_like
        The whole head: every voxel with signal, not the brain alone; air sinuses left out.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.
    b0_dir : (3,) sequence of float
        B0 along the voxel axes.
    weight : (x, y, z) array_like, optional
        Confidence in each voxel's field, 0 to 1.

    Returns
    -------
    SignGuess
        With ``sign`` +1 and ``certain`` false where the image cannot tell: a small field of
        view, no air around the head, or little agreement either way.

    Notes
    -----
    Both fields lose what a shim could have made, the harmonic polynomials up to the second
    degree, before they are correlated. Where the head leaves the image it is taken to go on,
    but not upwards: little is left of it above a slab, far less than a column.

    References
    ----------
    Marques and Bowtell, Concepts Magn Reson B 25:65 (2005), for the field of a shape.
    """
    measured = np.asarray(field, dtype=np.float32)
    head = np.asarray(signal_mask) != 0
    if measured.ndim != 3 or head.shape != measured.shape:
        raise ValueError(f"field {measured.shape} and mask {head.shape} must be 3D, of one shape")
    extent = [
        np.ptp(np.flatnonzero(head.any(axis=a))) + 1 if head.any() else 0
        for a in ((1, 2), (0, 2), (0, 1))
    ]
    small = any(n * edge < _LEAST_EXTENT for n, edge in zip(extent, voxel_size, strict=True))
    if small or head.mean() > 1 - _LEAST_AIR:
        return SignGuess(1, 0.0, False)
    known = head & (measured != 0)
    trust = known if weight is None else known * np.asarray(weight, dtype=np.float32)
    correlation = _agreement(measured, head, trust.astype(np.float32), voxel_size, b0_dir)
    if abs(correlation) < _LEAST_CORRELATION:
        return SignGuess(1, correlation, False)
    return SignGuess(1 if correlation > 0 else -1, correlation, True)


def _agreement(
    measured: Float,
    head: Bool,
    trust: Float,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
) -> float:
    blocks = [max(1, round(_GRID / edge)) for edge in voxel_size]
    edges = [n * edge for n, edge in zip(blocks, voxel_size, strict=True)]
    tissue = _block_mean(head.astype(np.float32), blocks)
    certainty = _block_mean(trust, blocks)
    coarse = _block_mean(measured * trust, blocks) / np.maximum(certainty, np.float32(1e-6))
    model = _shape_field(tissue, edges, b0_dir)
    use = (tissue > 0.9) & (certainty > 0.1 * certainty.max())
    if np.count_nonzero(use) < 500:
        return 0.0
    shim = _harmonics(use.shape, edges)[:, use].T
    pair = np.stack([coarse[use], model[use]], axis=1)
    pair = pair - shim @ np.linalg.lstsq(shim, pair, rcond=None)[0]
    # Sinus and skull make a few large values; a rank-like clip lets all of the head speak.
    limits = 2 * np.median(np.abs(pair), axis=0) / 0.6745
    pair = np.clip(pair, -limits, limits)
    spread = pair.std(axis=0)
    if not spread.all():
        return 0.0
    return float(np.corrcoef(pair.T)[0, 1])


def _shape_field(tissue: Float, edges: Sequence[float], b0_dir: Sequence[float]) -> Float:
    pad = max(tissue.shape) // 2
    longer = np.pad(tissue, pad, mode="edge")
    axis = int(np.argmax(np.abs(b0_dir)))
    above = slice(pad + tissue.shape[axis], None) if b0_dir[axis] > 0 else slice(0, pad)
    np.moveaxis(longer, axis, 0)[above] = 0
    inside = tuple(slice(pad, pad + n) for n in tissue.shape)
    return forward_field(np.float32(TISSUE_MINUS_AIR) * longer, edges, b0_dir)[inside]


def _block_mean(image: Float, blocks: Sequence[int]) -> Float:
    """Return the means of ``image`` over blocks of voxels; the last, incomplete blocks go."""
    whole = [n // b for n, b in zip(image.shape, blocks, strict=True)]
    cut = image[tuple(slice(0, n * b) for n, b in zip(whole, blocks, strict=True))]
    (nx, ny, nz), (bx, by, bz) = whole, blocks
    mean = cut.reshape(nx, bx, ny, by, nz, bz).mean(axis=(1, 3, 5))
    return np.asarray(mean, dtype=np.float32)


def _harmonics(shape: Sequence[int], edges: Sequence[float]) -> Float:
    """Return the solid harmonics up to the second degree, (9, x, y, z)."""
    axes = [(np.arange(n) - (n - 1) / 2) * edge / 100 for n, edge in zip(shape, edges, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    one = np.ones_like(x)
    terms = [one, x, y, z, x * y, y * z, x * z, x * x - y * y, 2 * z * z - x * x - y * y]
    return np.stack(terms).astype(np.float32)
