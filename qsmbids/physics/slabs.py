"""Work on images in slabs that stay in the processor's cache, on several threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import scipy.fft as sf

_VOXELS = 2**17  # ten images of so many lie in 5 MB


def in_slabs(work: Callable[[slice], None], shape: Sequence[int]) -> None:
    """Call ``work`` for all slabs of an image along its first axis.

    Parameters
    ----------
    work : callable
        Given the slab's place along the first axis; it writes there and nowhere else. It runs
        on as many threads as transforms do, see `scipy.fft.set_workers`.
    shape : (3,) sequence of int
        Of the image.
    """
    thickness = max(1, _VOXELS // (shape[1] * shape[2]))
    slabs = [slice(x, min(x + thickness, shape[0])) for x in range(0, shape[0], thickness)]
    if sf.get_workers() == 1:
        for slab in slabs:
            work(slab)
        return
    with ThreadPoolExecutor(sf.get_workers()) as pool:
        list(pool.map(work, slabs))
