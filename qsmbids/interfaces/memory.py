"""The most memory that a stage has used, where the system tells it (Linux)."""

from __future__ import annotations

from pathlib import Path

from qsmbids.freed_memory import give_back_memory

_PROCESS = Path("/proc/self")


def forget_peak() -> None:
    """Count the peak of this process anew from now on, without what earlier work has freed.

    A worker keeps freed memory, so that it would hold the most of all stages.
    """
    give_back_memory()
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
