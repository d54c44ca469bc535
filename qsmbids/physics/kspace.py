"""Images to k-space and back, in slabs that stay in the processor's cache, on several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from qsmbids.array_types import Complex, Float
from qsmbids.physics.slabs import in_slabs

_FACTORS = (2, 3, 5, 7)

Source = Callable[[slice], Float]
Sink = Callable[[slice, Float], None]


def fast_size(least: int) -> int:
    """Return the first even size from ``least`` on that transforms fast, in SciPy and in MKL.

    MKL takes a quarter longer where the last axis is odd, or a size holds a factor of 11.
    """
    size = least + least % 2
    while not _has_small_factors(size):
        size += 2
    return size


def _has_small_factors(size: int) -> bool:
    for factor in _FACTORS:
        while size % factor == 0:
            size //= factor
    return size == 1


def through_kspace(
    sources: Sequence[Source],
    change: Callable[[list[Complex], slice], Sequence[Complex]],
    sinks: Sequence[Sink],
    shape: Sequence[int],
    planes: int | None = None,
) -> None:
    """Transform images, change their spectra, and transform them back.

    It takes half of the time of whole transforms by SciPy: MKL's are faster, and each part of a
    spectrum is transformed along the last axis, changed and transformed back while it lies in the
    cache. Each slab is transformed by one thread, so the result is the same on any number.

    Parameters
    ----------
    sources : sequence of callable
        From a slab along the first axis to an image there, float32 (slab, y, z); zeros follow
        where it is smaller than the grid.
    change : callable
        Given parts (slab, kz, kx) of all spectra, and the slab of ky; see `turned`. It returns
        as many, and may work in place.
    sinks : sequence of callable
        Of as many as there are sources, each is given a slab along the first axis and what
        its image (slab, y, z) has become there.
    shape : (3,) sequence of int
        The grid of the transform.
    planes : int, optional
        Along the first axis: zeros follow in the sources, and the sinks want no more. All by
        default.
    """
    import torch  # takes a second, which methods that transform once do without

    nx, ny, nz = shape
    planes = nx if planes is None else planes
    half = nz // 2 + 1
    spectra = [torch.empty((nx, ny, half), dtype=torch.complex64) for _ in sources]

    def there(slab: slice) -> None:
        for spectrum, source in zip(spectra, sources, strict=True):
            image = torch.from_numpy(source(slab))
            spectrum[slab] = torch.fft.rfftn(image, s=(ny, nz), dim=(1, 2))

    def across(slab: slice) -> None:
        columns = [s[:planes, slab].permute(1, 2, 0) for s in spectra]
        parts = [torch.fft.fft(c, n=nx).numpy() for c in columns]
        for spectrum, part in zip(spectra, change(parts, slab), strict=True):
            columns = torch.fft.ifft(torch.from_numpy(part))[..., :planes]
            spectrum[:planes, slab] = columns.permute(2, 0, 1)

    def back(slab: slice) -> None:
        for spectrum, sink in zip(spectra, sinks, strict=True):
            sink(slab, torch.fft.irfftn(spectrum[slab], s=(ny, nz), dim=(1, 2)).numpy())

    def alone(work: Callable[[slice], None]) -> Callable[[slice], None]:
        def run(slab: slice) -> None:
            torch.set_num_threads(1)  # OpenMP's is each thread's own, and starts at all processors
            work(slab)

        return run

    with _one_thread():
        in_slabs(alone(there), (planes, ny, nz))
        in_slabs(alone(across), (ny, nx, nz))
        in_slabs(alone(back), (planes, ny, nz))


def turned(spectrum: Float) -> Float:
    """Return a factor in the layout of ``rfftn`` (kx, ky, kz) as (ky, kz, kx), for ``change``."""
    return np.ascontiguousarray(spectrum.transpose(1, 2, 0))


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
