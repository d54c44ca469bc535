"""What this machine, container or batch job lets a run use."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def processors() -> int:
    """Return the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:  # macOS
        count = os.cpu_count() or 1
    for folder in _groups():
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        if quota.isdigit() and period.isdigit():
            count = min(count, math.ceil(int(quota) / int(period)))
    return max(count, 1)


def free_memory() -> float:
    """Return 90 % of the memory in GB that this process may still use."""
    limits = [_available()]
    for folder in _groups():
        for name in ("memory.max", "memory/memory.limit_in_bytes"):
            text = _read(folder / name)
            if text.isdigit():
                limits.append(int(text))
    return 0.9 * min(limits) / 1e9


def _available() -> int:
    for line in _read(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _groups() -> Iterator[Path]:
    """Yield the control groups that limit this process, the innermost first."""
    own = next(
        (line[3:] for line in _read(Path("/proc/self/cgroup")).splitlines() if line[:3] == "0::"),
        "/",
    )
    folder = _CGROUPS / own.strip("/")
    while folder != _CGROUPS and _CGROUPS in folder.parents:
        yield folder
        folder = folder.parent
    yield _CGROUPS


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
