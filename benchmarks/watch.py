"""A command and its processes watched: seconds, seconds of processors, memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Used:
    """What a command took.

    Attributes
    ----------
    seconds, processor : float
        On the clock, and of processors with all its children.
    tree, parent : float
        The most memory in GB: of all its processes together, shared pages counted once, and of
        the first alone.
    """

    seconds: float
    processor: float
    tree: float
    parent: float


def watch(
    command: Sequence[str], *, code: Path | None = None, allowed: Sequence[int] = (0,)
) -> Used:
    """Run a command; return what it took.

    Parameters
    ----------
    command : sequence of str
        Program and arguments; its output is thrown away.
    code : Path, optional
        Folder whose packages it imports before those that are installed.
    allowed : sequence of int
        Exit codes that are no failure.
    """
    env: Mapping[str, str] = os.environ | (
        {"PYTHONPATH": str(code), "PYTHONSAFEPATH": "1"} if code else {}
    )
    quiet = subprocess.DEVNULL
    start, tree, busy = time.perf_counter(), 0.0, dict[int, float]()
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet, env=env)
    parent, own = psutil.Process(process.pid), 0.0
    while process.poll() is None:
        family = (parent, *_children(parent))
        used = [_proportional(each) for each in family]
        # What workers took that a server forked is not counted as that of our children.
        busy |= {each.pid: max(busy.get(each.pid, 0.0), _processor(each)) for each in family}
        tree, own = max(tree, sum(used)), max(own, used[0])
        time.sleep(0.1)
    seconds = time.perf_counter() - start
    if process.returncode not in allowed:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return Used(seconds, sum(busy.values()), tree / 1e9, own / 1e9)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _proportional(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def _processor(process: psutil.Process) -> float:
    try:
        return sum(process.cpu_times()[:2])
    except psutil.Error:
        return 0.0
