"""Work on several threads: on images in slabs that stay in the cache, or on what is apart."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

import numpy as np
import scipy.fft as sf
from numpy.typing import NDArray

_VOXELS = 2**17  # ten images of so many lie in 5 MB


def in_slabs(work: Callable[[slice], Any], shape: Sequence[int]) -> list[Any]:
    """Call ``work`` for all slabs of an image along its first axis.

    Slabs do not depend on the number of threads, so neither does a sum over them.

    Parameters
    ----------
    work : callable
        Given the slab's place along the first axis; it writes there and nowhere else. It runs
        on as many threads as transforms do, see `scipy.fft.set_workers`.
    shape : sequence of int
        Of the image.

    Returns
    -------
    list
        What ``work`` has returned for each slab, in their order.
    """
    thickness = max(1, _VOXELS // max(1, math.prod(shape[1:])))
    slabs = [slice(x, min(x + thickness, shape[0])) for x in range(0, shape[0], thickness)]
    return side_by_side([partial(work, slab) for slab in slabs])


def side_by_side(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """Call functions on as many threads as transforms have; return what they return, in order.

    This thread takes its share.
    """
    threads = min(sf.get_workers(), len(works))
    if threads < 2:
        return [work() for work in works]

    def run(first: int) -> list[Any]:
        return [work() for work in works[first::threads]]

    others = [_pool(threads - 1).submit(run, first) for first in range(1, threads)]
    made: list[Any] = [None] * len(works)
    with sf.set_workers(1):  # as on the others: within none of them another starts
        made[::threads] = run(0)
    for first, other in enumerate(others, start=1):
        made[first::threads] = other.result()
    return made


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Return threads that stay: what a new one frees goes back to the system with it."""
    return ThreadPoolExecutor(threads, "slabs")


os.register_at_fork(after_in_child=_pool.cache_clear)  # a fork has none of the threads


def product(
    image: NDArray[Any], factor: NDArray[Any], out: NDArray[Any] | None = None
) -> NDArray[Any]:
    """Return an image, or a spectrum, times a real one of its shape; in ``out``, if given."""
    made = np.empty_like(image) if out is None else out
    in_slabs(lambda slab: np.multiply(image[slab], factor[slab], out=made[slab]), image.shape)
    return made
