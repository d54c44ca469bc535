"""Where the measured field can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from qsmbids.array_types import Float, Mask
from qsmbids.errors import InputError
from qsmbids.physics.morphology import closing, fill_holes, largest_component, opening

_LOST = 0.1  # of the brain's median weight: there is next to no signal
_WEAK = 0.3  # of it: not to be believed beside an unreliable voxel
_REACH = 2  # voxels that an unreliable region grows into weak ones
_RESIDUAL_RANGE = (0.3, 1.0)  # rad: always good below, always bad above
_RESIDUAL_SPREAD = 6.0  # robust standard deviations over the median
_MOST_CURVATURE = 1.2  # rad; the second differences of pure noise have 1.8
_BRIDGE = 2.0  # mm: thinner gaps and bridges are specks of noise
_LARGE_LOSS = 0.25  # of the brain's volume


class Reliability(NamedTuple):
    """What of the brain can be used.

    Attributes
    ----------
    mask : (x, y, z) bool array
        One piece without holes: the brain less the unreliable regions at its rim. Voxels inside
        that hold no trustworthy field are filled in, because background removal needs a simply
        connected region.
    reliable : (x, y, z) bool array
        The part of ``mask`` whose field was measured reliably. The cores of calcifications and
        haemorrhages are missing here; use it to weight or score.
    warnings : tuple of str
        Sentences for the report.
    """

    mask: Mask
    reliable: Mask
    warnings: tuple[str, ...]


def reliability_mask(
    brain: ArrayLike,
    *,
    voxel_size: Sequence[float],
    weight: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    residual: ArrayLike | None = None,
    phase: ArrayLike | None = None,
) -> Reliability:
    """Combine the brain mask with a mask of reliable phase.

    A voxel is unreliable if any criterion given says so: next to no signal, noise far above
    the brain's median, a phase evolution that the fit does not explain, or a phase that changes
    from voxel to voxel like noise. Its neighbours follow if they are weak themselves, since that
    is where unwrapping fails. Unreliable regions at the rim (above the air sinuses) leave
    the mask, those inside become holes of ``reliable`` only.

    Parameters
    ----------
    brain : (x, y, z) array_like
        Non-zero inside the brain.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.
    weight : (x, y, z) array_like, optional
        Magnitude or field weight, proportional to the signal.
    noise : (x, y, z) array_like, optional
        Standard deviation of the field, any unit.
    residual : (x, y, z) array_like, optional
        Root mean square misfit of the phase over echoes, in radians.
    phase : (x, y, z) array_like, optional
        Phase of one echo in radians, wrapped or not.

    Returns
    -------
    Reliability
        ``mask``, ``reliable`` and ``warnings``.

    Raises
    ------
    ValueError
        If shapes differ or the brain mask is empty.
    InputError
        If no voxel of the brain is reliable.

    References
    ----------
    QSM Consensus Organization Committee. Recommended implementation of quantitative
    susceptibility mapping for clinical research in the brain. Magn Reson Med 2024;91:1834-1862.
    """
    inside = np.asarray(np.asarray(brain) != 0)
    if not inside.any():
        raise ValueError("the brain mask is empty")
    quality = _quality(weight, noise, inside)
    good = inside & (quality > _LOST)
    if residual is not None:
        good &= _small_residual(_array("residual", residual, inside), inside)
    if phase is not None:
        good &= _smooth_phase(_array("phase", phase, inside), inside)
    # unwrapping errors sit in the weak voxels around those that are lost
    weak = inside & (quality <= _WEAK)
    good &= ~ndimage.binary_dilation(inside & ~good, iterations=_REACH, mask=weak)
    mask = _solid(good, inside, voxel_size)
    if not mask.any():
        raise InputError(
            "the phase is unreliable in the whole brain mask; check that magnitude, phase and "
            "mask belong together"
        )
    return Reliability(mask, good & mask, _warnings(inside, mask))


def _solid(good: Mask, brain: Mask, voxel_size: Sequence[float]) -> Mask:
    """Return one hole-free piece of the brain without the bad regions at its rim."""
    solid = fill_holes(closing(good, _BRIDGE, voxel_size) & brain)
    opened = largest_component(opening(solid, _BRIDGE, voxel_size))
    return fill_holes(opened if opened.any() else largest_component(solid)) & brain


def _warnings(brain: Mask, mask: Mask) -> tuple[str, ...]:
    lost = 1 - np.count_nonzero(mask) / np.count_nonzero(brain)
    if lost < _LARGE_LOSS:
        return ()
    return (f"The phase is unreliable in {lost:.0%} of the brain mask, which was left out.",)


def _quality(weight: ArrayLike | None, noise: ArrayLike | None, brain: Mask) -> Float:
    """Return weight and 1 / noise relative to the brain's median, whichever is the smaller."""
    quality = np.full(brain.shape, np.inf, dtype=np.float32)
    if weight is not None:
        quality = _relative(_array("weight", weight, brain), brain)
    if noise is not None:
        deviation = _array("noise", noise, brain)
        trust = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)
        if trust[brain].any():  # zero everywhere: a field without noise
            quality = np.minimum(quality, _relative(trust, brain))
    return quality


def _relative(trust: Float, brain: Mask) -> Float:
    trust = np.nan_to_num(trust, nan=0, posinf=0, neginf=0)
    inside = trust[brain & (trust > 0)]
    return np.asarray(trust / np.median(inside), dtype=np.float32) if inside.size else trust


def _small_residual(residual: Float, brain: Mask) -> Mask:
    inside = residual[brain]
    inside = inside[np.isfinite(inside)]
    if not inside.size:
        return np.zeros_like(brain)
    middle = np.median(inside)
    spread = 1.4826 * np.median(np.abs(inside - middle))
    return np.asarray(residual <= np.clip(middle + _RESIDUAL_SPREAD * spread, *_RESIDUAL_RANGE))


def _smooth_phase(phase: Float, brain: Mask) -> Mask:
    """Judge by the wrapped second differences, which a linear ramp does not touch."""
    total = np.zeros(brain.shape, dtype=np.float32)
    for axis in range(3):
        step = _wrapped(np.diff(phase, axis=axis, prepend=np.take(phase, [0], axis)))
        bend = _wrapped(np.diff(step, axis=axis, append=np.take(step, [-1], axis)))
        total += bend**2
    inside = brain.astype(np.float32)
    mean = ndimage.uniform_filter(total * inside, 3) / 3
    return np.asarray(mean <= _MOST_CURVATURE**2 * ndimage.uniform_filter(inside, 3))


def _wrapped(phase: Float) -> Float:
    turns = np.rint(phase * np.float32(0.5 / np.pi))
    return np.asarray(phase - np.float32(2 * np.pi) * turns, dtype=np.float32)


def _array(name: str, values: ArrayLike, brain: Mask) -> Float:
    array = np.asarray(values, dtype=np.float32)
    if array.shape != brain.shape:
        raise ValueError(f"the {name}'s shape {array.shape} is not the mask's {brain.shape}")
    return array
