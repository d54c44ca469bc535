"""Where patches of a volume are cut, and which of their voxels a data term can judge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Window = tuple[slice, ...]
Float = NDArray[np.float32]


def random_window(
    rng: np.random.Generator, mask: NDArray[np.generic], shape: Sequence[int]
) -> Window:
    """Return a random place of a patch, at least half of it inside the mask where it can be.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    mask : (x, y, z) array
        Not zero where the field is valid.
    shape : (3,) sequence of int
        Of the patch, no longer than the volume.
    """
    best: Window = ()
    share = -1.0
    for _ in range(20):
        starts = [int(rng.integers(n - m + 1)) for n, m in zip(mask.shape, shape, strict=True)]
        window = tuple(slice(a, a + m) for a, m in zip(starts, shape, strict=True))
        inside = float((mask[window] != 0).mean())
        if inside > share:
            best, share = window, inside
        if inside >= 0.5:
            break
    return best


def without_rim(weight: Float, window: Window, volume: Sequence[int], rim: int) -> Float:
    """Return a patch's weight, zero near those of its faces that cut through the volume.

    Sources beyond such a face are missing from the patch, and their field is strongest near it.
    A face where the volume ends has no sources beyond: a local field has lost theirs.

    Parameters
    ----------
    weight : (x, y, z) float32 array
        W of the data term in the patch.
    window : tuple of slice
        Where the patch was cut.
    volume : (3,) sequence of int
        Shape of the volume.
    rim : int
        How many voxels to leave out.
    """
    inner = tuple(
        slice(rim if w.start > 0 else 0, w.stop - w.start - (rim if w.stop < n else 0))
        for w, n in zip(window, volume, strict=True)
    )
    kept = np.zeros_like(weight)
    kept[inner] = weight[inner]
    return kept
