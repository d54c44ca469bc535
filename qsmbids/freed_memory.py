"""What becomes of the memory that this process frees, where the C library is glibc."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # of mallopt, see malloc.h
_KEEPING = {_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1}
# What the library comes to by itself in a process that works with images.
_USUAL = {_MMAP_MAX: 65536, _MMAP_THRESHOLD: 2**25, _TRIM_THRESHOLD: 2**26}
_kept = False


def keep_freed_memory() -> None:
    """Keep what is freed from now on.

    A step of a training or an iteration of a fit frees and asks again for hundreds of megabytes.
    Each time the system would take them back and hand out cleared pages: that is a tenth of the
    time of an inversion, and a quarter of that of a training's step on the CPU.
    """
    global _kept
    _kept = True
    _tell(_KEEPING)


def give_back_memory() -> None:
    """Give what is free back to the system."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def nothing_kept() -> Iterator[None]:
    """Keep nothing meanwhile: what is done once, of many sizes, takes least memory so."""
    if not _kept:
        yield
        return
    _tell(_USUAL)
    give_back_memory()
    try:
        yield
    finally:
        give_back_memory()
        _tell(_KEEPING)


def _tell(settings: Mapping[int, int]) -> None:
    with suppress(OSError, AttributeError):
        for name, value in settings.items():
            ctypes.CDLL(None).mallopt(name, value)
