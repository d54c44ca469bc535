"""Mirroring and turning samples in ways that the dipole equation allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

AUGMENTATIONS = ("flip", "flip-along", "turn")
"""Mirror the two axes across B0; the one along it; quarter turns about that."""
_TURNS = ((False, 1, 1), (True, -1, 1), (False, -1, -1), (True, 1, -1))

Vector = tuple[float, ...]


def reorient(
    rng: np.random.Generator,
    images: Sequence[NDArray[Any]],
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
    chosen: Sequence[str],
) -> tuple[list[NDArray[Any]], Vector, Vector]:
    """Return images, voxel size and B0 direction, mirrored and turned alike at random.

    The field of the reoriented susceptibility in the reoriented geometry is the reoriented
    field, whatever the geometry is.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    images : sequence of (x, y, z) array
        Field, mask, susceptibility, weight.
    voxel_size, b0_dir : (3,) sequence of float
        Edge lengths in mm; B0 along the voxel axes.
    chosen : sequence of str
        Some of ``AUGMENTATIONS``.

    References
    ----------
    Jochmann et al., "How to train a deep convolutional neural network for QSM"; Liu, MIDL 2022,
    appendix B.
    """
    along = int(np.argmax(np.abs(b0_dir)))
    first, second = (axis for axis in range(3) if axis != along)
    order, signs = [0, 1, 2], [1, 1, 1]
    if "turn" in chosen:
        swap, signs[first], signs[second] = _TURNS[rng.integers(4)]
        if swap:
            order[first], order[second] = second, first
    for name, axes in (("flip", (first, second)), ("flip-along", (along,))):
        if name in chosen:
            for axis in axes:
                signs[axis] *= int(rng.choice((-1, 1)))
    flips = tuple(slice(None, None, sign) for sign in signs)
    turned = [np.ascontiguousarray(image.transpose(order)[flips]) for image in images]
    sizes = tuple(float(voxel_size[axis]) for axis in order)
    b0 = tuple(float(sign * b0_dir[axis]) for sign, axis in zip(signs, order, strict=True))
    return turned, sizes, b0
