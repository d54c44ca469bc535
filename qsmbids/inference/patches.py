"""Where patches of a volume are cut, and which of their voxels a data term can judge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Float

Window = tuple[slice, ...]
Kind = TypeVar("Kind", bound=np.generic)


def random_window(
    rng: np.random.Generator,
    mask: NDArray[np.generic],
    shape: Sequence[int],
    *,
    inside: float = 0.5,
    tries: int = 20,
    overhang: int = 0,
) -> Window:
    """Return a random place of a patch with enough of the mask in it where that can be.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    mask : (x, y, z) array
        Not zero where the field is valid.
    shape : (3,) sequence of int
        Of the patch. Along an axis on which it is longer than the volume, the volume lies
        anywhere in it: see `cut`.
    inside : float
        Share of the patch that is to be in the mask.
    tries : int
        Places to try; the best of them is taken where none has that share.
    overhang : int
        How many voxels the patch may reach beyond the volume on each side.
    """
    room = np.array(mask.shape) - shape
    low, high = np.minimum(room, 0) - overhang, np.maximum(room, 0) + overhang + 1
    best: Window = ()
    most = -1.0
    for _ in range(tries):
        starts = rng.integers(low, high)
        window = tuple(slice(int(a), int(a) + m) for a, m in zip(starts, shape, strict=True))
        share = float((cut(mask, window) != 0).mean())
        if share > most:
            best, most = window, share
        if share >= inside:
            break
    return best


def cut(image: NDArray[Kind], window: Window) -> NDArray[Kind]:
    """Return the patch of an image in a window, zero where that reaches beyond the image."""
    limits = [(max(w.start, 0), min(w.stop, n)) for w, n in zip(window, image.shape, strict=True)]
    part = image[tuple(slice(a, b) for a, b in limits)]
    pad = [(a - w.start, w.stop - b) for (a, b), w in zip(limits, window, strict=True)]
    return np.pad(part, pad) if np.any(pad) else part


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
