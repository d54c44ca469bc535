"""Memory that a training gives back is kept for its next step."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of mallopt, see malloc.h


def keep_freed_memory() -> None:
    """Tell the C library to keep what is freed, where it is glibc.

    A step frees and asks again for hundreds of megabytes. Each time the system would take them
    back and hand out cleared pages; without that a step on the CPU takes a quarter less time.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_MMAP_MAX, 0)
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)
