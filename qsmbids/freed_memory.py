"""What becomes of the memory that this process frees, where the C library is glibc."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of mallopt, see malloc.h
_USUAL = 65536  # blocks that the system hands out one by one
_kept = False


def keep_freed_memory() -> None:
    """Keep what is freed from now on.

    A step of a training or an iteration of a fit frees and asks again for hundreds of megabytes.
    Each time the system would take them back and hand out cleared pages: that is a tenth of the
    time of an inversion, and a quarter of that of a training's step on the CPU.
    """
    global _kept
    _kept = True
    _tell(_MMAP_MAX, 0)
    _tell(_TRIM_THRESHOLD, 2**31 - 1)


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
    give_back_memory()
    _tell(_MMAP_MAX, _USUAL)
    try:
        yield
    finally:
        _tell(_MMAP_MAX, 0)


def _tell(setting: int, value: int) -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(setting, value)
