"""Spatial unwrapping of a phase image."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy.fft as sf
from numpy.typing import ArrayLike
from scipy import ndimage

from qsmbids.array_types import Bool, Float
from qsmbids.phase.phase_methods import UNWRAPPING

_TURN = np.float32(2 * math.pi)
_NEAR = 5.0  # mm around doubtful voxels; up to 40 of seven simulated heads are not as with all


def unwrap(
    phase: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    method: str = "best-path",
    voxel_size: Sequence[float] = (1, 1, 1),
) -> Float:
    """Return ``phase`` without its jumps of 2 pi.

    Parameters
    ----------
    phase : (x, y, z) array_like
        Wrapped phase in radians.
    mask : (x, y, z) array_like, optional
        Where to unwrap; everywhere by default. Parts that do not touch are unwrapped apart.
    method : str
        A name in ``UNWRAPPING``.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.

    Returns
    -------
    (x, y, z) float32 array
        Unwrapped phase in radians, different from ``phase`` by multiples of 2 pi such that the
        median of each connected part is nearest to zero; zero outside the mask.

    Raises
    ------
    ValueError
        If the phase is not 3D or not finite, or the mask is empty or of another shape.
    UsageError
        If the method does not exist.
    """
    phase = np.asarray(phase, dtype=np.float32)
    mask = np.ones(phase.shape, bool) if mask is None else np.asarray(mask) != 0
    if phase.ndim != 3 or mask.shape != phase.shape:
        raise ValueError(f"phase {phase.shape} and mask {mask.shape} must be 3D and of one shape")
    if not mask.any():
        raise ValueError("the mask is empty")
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    inside, wrapped = mask[box], phase[box]
    if not np.isfinite(wrapped[inside]).all():
        raise ValueError("the phase holds NaN or infinite values inside the mask")
    result = np.zeros_like(phase)
    flat = UNWRAPPING[method].load()(wrapped, inside, voxel_size=tuple(voxel_size))
    result[box] = _centre(flat, inside)
    return result


def unwrap_along(
    phase: Float,
    guide: Float,
    mask: Bool,
    doubtful: Bool,
    *,
    method: str,
    voxel_size: Sequence[float],
) -> Float:
    """Return ``phase`` with the turns that bring it nearest to a guide, where that can be trusted.

    Around doubtful voxels, and in what they part from the rest, it is unwrapped as `unwrap` does,
    which takes long; each part is then put at the turn where most of it meets the guide.

    Parameters
    ----------
    phase, guide : (x, y, z) float32 array
        In radians; the guide is a phase without jumps.
    mask : (x, y, z) bool array
        Where to unwrap.
    doubtful : (x, y, z) bool array
        Where the guide may be wrong by turns, or beside such voxels.
    method, voxel_size
        As in `unwrap`.
    """
    result = phase + _TURN * np.round((guide - phase) / _TURN)
    reach = [2 * math.ceil(_NEAR / edge) + 1 for edge in voxel_size]
    around = ndimage.maximum_filter(doubtful.view(np.uint8), reach).view(bool)
    labels, _ = ndimage.label(mask & ~around)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    again = mask & (labels != sizes.argmax() if sizes.any() else True)
    if again.any():
        apart = unwrap(phase, again, method=method, voxel_size=voxel_size)
        turns = _middle_of_parts(np.round((result - apart) / _TURN), again)
        result = np.where(again, apart + _TURN * turns, result)
    return np.where(mask, result, np.float32(0))


def beside_jump(unwrapped: Float, mask: Bool) -> Bool:
    """Return the voxels that differ from a neighbour in the mask by more than pi.

    No unwrapping is sure of these: between them the phase winds around a singularity, or its
    gradient is too steep for the grid, so that one of the two may be wrong by a turn.
    """
    result = np.zeros_like(mask)
    for axis in range(3):
        ahead, here = np.moveaxis(unwrapped, axis, 0)[1:], np.moveaxis(unwrapped, axis, 0)[:-1]
        inside = np.moveaxis(mask, axis, 0)
        jump = (np.abs(ahead - here) > np.float32(math.pi)) & inside[1:] & inside[:-1]
        marked = np.moveaxis(result, axis, 0)
        marked[1:] |= jump
        marked[:-1] |= jump
    return result


def best_path(phase: Float, mask: Bool, *, voxel_size: Sequence[float]) -> Float:
    """Unwrap along a path that joins the most reliable voxels first.

    Reliability is the inverse of the second differences between neighbouring voxels; the
    voxel size does not enter.

    References
    ----------
    Abdul-Rahman et al., Appl Opt 46:6623 (2007), as implemented in scikit-image.
    """
    from skimage.restoration import unwrap_phase

    if min(phase.shape) == 1:
        raise ValueError(f"a volume of shape {phase.shape} is too thin to unwrap in 3D")
    # A fixed seed: equal reliabilities are ordered at random.
    flat = unwrap_phase(np.ma.array(phase, mask=~mask), rng=0)  # type: ignore[no-untyped-call]
    return np.ma.getdata(flat).astype(np.float32)


def laplacian(phase: Float, mask: Bool, *, voxel_size: Sequence[float], passes: int = 6) -> Float:
    r"""Unwrap by inverting the Laplacian, which wraps do not change.

    The Laplacian of the true phase is, on the grid,
    :math:`\sum_j \sin(\phi_j - \phi_i) / h_j^2` over the neighbours j of i; it is inverted with
    the cosine transform (mirror boundary). Pairs that leave the mask count as flat, which bends
    the solution; the wrapped rest is therefore unwrapped again, up to ``passes`` times, and
    what then remains is added, so that the result is congruent with ``phase``.

    References
    ----------
    Schofield and Zhu, Opt Lett 28:1194 (2003), eqs. 3-5; Ghiglia and Romero, J Opt Soc Am A
    11:107 (1994), for the mask by repeated solution.
    """
    response = _inverse_laplacian(phase.shape, voxel_size)
    total = np.zeros_like(phase)
    rest = phase * mask
    for _ in range(passes):
        source = _wrapped_laplacian(rest, mask, voxel_size)
        spectrum = sf.dctn(source, type=2, norm="ortho", overwrite_x=True)
        spectrum *= response
        total += sf.idctn(spectrum, type=2, norm="ortho", overwrite_x=True)
        rest = phase - total
        rest -= rest[mask].mean(dtype=np.float64)
        if np.abs(rest[mask]).max() < math.pi:
            break
        rest -= _TURN * np.round(rest / _TURN)
    turns: Float = np.round((total - phase) / _TURN)
    return phase + _TURN * turns


def _wrapped_laplacian(phase: Float, mask: Bool, voxel_size: Sequence[float]) -> Float:
    result = np.zeros_like(phase)
    for axis, edge in enumerate(voxel_size):
        low = [slice(None)] * 3
        high = [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        a, b = tuple(low), tuple(high)
        flow = np.sin(phase[b] - phase[a])
        flow *= mask[a] & mask[b]
        flow *= np.float32(1 / edge**2)
        result[a] += flow
        result[b] -= flow
    return result


def _inverse_laplacian(shape: Sequence[int], voxel_size: Sequence[float]) -> Float:
    """Return 1 / eigenvalue of the grid's Laplacian with mirror boundary, 0 for the constant."""
    eigen = np.zeros(tuple(shape), dtype=np.float32)
    for axis, (n, edge) in enumerate(zip(shape, voxel_size, strict=True)):
        line = (2 * np.cos(np.pi * np.arange(n) / n) - 2) / edge**2
        eigen += line.astype(np.float32).reshape([-1 if i == axis else 1 for i in range(3)])
    eigen[0, 0, 0] = np.inf
    return np.divide(np.float32(1), eigen, out=eigen)


def _centre(phase: Float, mask: Bool) -> Float:
    """Shift each connected part by the multiple of 2 pi that brings its median nearest to 0."""
    return np.where(mask, phase - _TURN * np.round(_middle_of_parts(phase, mask) / _TURN), 0)


def _middle_of_parts(image: Float, mask: Bool) -> Float:
    """Return the median of an image over each connected part of a mask, in that part."""
    labels, count = ndimage.label(mask)
    numbers, values = labels[mask], image[mask]
    ends = np.cumsum(np.bincount(numbers))
    parts = np.split(values[np.argsort(numbers, kind="stable")], ends[1:-1])
    medians = np.zeros(count + 1, dtype=np.float32)
    medians[1:] = [np.median(part) for part in parts]  # ndimage's sorts all of the image
    middle: Float = medians[labels]
    return middle
