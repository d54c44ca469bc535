"""Running the cases: each in its own process, under limits, size after size."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cases
import data
import peers

import qsmbids

HERE = Path(__file__).parent
ROOT = Path(qsmbids.__file__).parents[1]
WARM = 48  # voxels a side of the grid on which a process does its first call
START = 90.0  # seconds that a process may take for that and for its start
POLL = 0.05  # seconds
Results = dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """Of a call: seconds, GB, threads."""

    seconds: int
    memory: float
    threads: int


def run_all(
    sizes: Sequence[int],
    only: Sequence[str] | None,
    peers_python: str | None,
    limits: Limits,
    scratch: Path,
) -> Results:
    """Return ``grids`` and ``runs``: what was measured, or why it was not."""
    todo: list[tuple[Any, str]] = [(case, sys.executable) for case in cases.CASES]
    if peers_python:
        todo += [(case, peers_python) for case in peers.CASES]
    if only:
        todo = [t for t in todo if t[0] is cases.FLOOR or {t[0].kind, t[0].name} & {*only}]
    head, warm = data.simulate(), scratch / "warm"
    warm.mkdir()
    data.write(head, WARM, warm)
    grids, runs = [], []
    last: dict[tuple[str, str], Results] = {}
    for size in sizes:
        folder = scratch / str(size)
        folder.mkdir()
        grids.append({"size": size, **data.write(head, size, folder)})
        for case, python in todo:
            key = (case.kind, case.name)
            found = too_large(last.get(key), size, limits)
            found = found or measure(case, python, folder, warm, limits)
            last[key] = {"kind": case.kind, "name": case.name, "size": size, **found}
            runs.append(last[key] | {"fitted": case.fitted})
            print(*(f"{name}={value}" for name, value in last[key].items()), flush=True)
        for file in folder.iterdir():
            file.unlink()
    return {"grids": grids, "runs": runs}


def too_large(before: Results | None, size: int, limits: Limits) -> Results | None:
    """Return why a case is not run, if what it took on the grid before says so."""
    if before is None:
        return None
    if before.get("note", "").startswith("more than"):
        return {"note": before["note"]}
    if "note" in before:  # it failed, which says nothing of this grid
        return None
    growth = (size / before["size"]) ** 3
    if before["longest"] * growth > limits.seconds:
        return {"note": f"more than {limits.seconds} s"}
    if before.get("PeakMemoryMB", 0) * growth / 1024 > limits.memory:
        return {"note": f"more than {limits.memory:g} GB"}
    return None


def measure(case: Any, python: str, folder: Path, warm: Path, limits: Limits) -> Results:
    """Return what one process measures, or a note why it did not get there."""
    module = "cases" if case in cases.CASES else "peers"
    threads = str(limits.threads)
    words = [python, HERE / "worker.py", module, case.kind, case.name, folder, warm, threads]
    words.append(limits.seconds)
    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    settings = dict.fromkeys(names, threads) | {"PYTHONPATH": str(ROOT)}
    with (folder / "said").open("w+") as said:
        process = subprocess.Popen(
            [str(word) for word in words], stdout=said, stderr=said, env=os.environ | settings
        )
        note = watch(process, limits)
        said.seek(0)
        lines = said.read().split("\n")
    if note is None and process.returncode:
        note = f"failed: {lines[-2] if len(lines) > 1 else process.returncode}"
    said_last = next((line for line in reversed(lines) if line.startswith("{")), None)
    if note is None and said_last is None:
        note = "failed: it ended without a result"
    return {"note": note} if note else json.loads(str(said_last))


def watch(process: subprocess.Popen[bytes], limits: Limits) -> str | None:
    """Wait for a process; end it, and return why, if it exceeds a limit."""
    end = time.monotonic() + START + limits.seconds
    while process.poll() is None:
        note = None
        if time.monotonic() > end:
            note = f"failed: more than {START:g} s for a grid of {WARM} voxels a side"
        elif resident(process.pid) > limits.memory:
            note = f"more than {limits.memory:g} GB"
        if note:
            process.kill()
            process.wait()
            return note
        time.sleep(POLL)
    return f"more than {limits.seconds} s" if process.returncode == -signal.SIGALRM else None


def resident(pid: int) -> float:
    """Return a process's resident memory in GB; 0 where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**30


def about(command: str, threads: int, peers_python: str | None) -> Results:
    """Return when, where and with what the results were made."""
    described = {
        "date": date.today().isoformat(),
        "version": qsmbids.__version__,
        "commit": commit(),
        "machine": machine(),
        "load": round(os.getloadavg()[0], 1),
        "threads": threads,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("numpy", "scipy", "torch")},
        "command": command,
        "peers": {},
    }
    if peers_python:
        ask = "import json, peers; print(json.dumps(peers.versions()))"
        answer = subprocess.run(
            [peers_python, "-c", ask], cwd=HERE, capture_output=True, text=True, check=True
        )
        described["peers"] = json.loads(answer.stdout)
    return described


def commit() -> str:
    """Return the commit of the working tree, marked if it has changes; unknown without git."""
    words = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        told = subprocess.run(words, cwd=HERE, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return told.stdout.strip() or "unknown"


def machine() -> str:
    """Return the processor, its cores and the memory."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    model = models[0] if models else platform.machine()
    return f"{os.cpu_count()} cores of {model}, {gigabytes:.0f} GB"
