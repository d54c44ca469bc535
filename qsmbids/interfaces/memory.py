"""The most memory that a stage has used, where the system tells it (Linux)."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from pathlib import Path

_PROCESS = Path("/proc/self")


def forget_peak() -> None:
    """Count the peak of this process anew from now on, without what earlier work has freed.

    The C library (glibc) keeps freed memory, so that a worker would hold the most of all stages.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    try:
        (_PROCESS / "clear_refs").write_text("5")
    except OSError:
        return


def peak() -> dict[str, int]:
    """Return ``PeakMemoryMB``, the most resident memory since then; empty if it is not known."""
    try:
        lines = (_PROCESS / "status").read_text().splitlines()
    except OSError:
        return {}
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return {"PeakMemoryMB": round(kilobytes[0] / 1024)} if kilobytes else {}
