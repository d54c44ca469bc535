"""Measure one case in this process: ``worker.py MODULE KIND NAME FOLDER WARM THREADS LIMIT``.

MODULE is `cases` or `peers`. Prints one line of JSON at the end; ends by SIGALRM after LIMIT
seconds, not counting the call on a small grid.
"""

from __future__ import annotations

import ctypes
import gc
import json
import signal
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft

from qsmbids.interfaces.memory import forget_peak, peak

ENOUGH = 0.3  # seconds after which a case is not repeated
REPEATS = 5
FEW, MORE = 1, 3  # iterations, whose difference is the time of one


def load(folder: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the images and the geometry."""
    geometry = json.loads((folder / "geometry.json").read_text())
    return {**geometry, **{name: np.load(folder / f"{name}.npy") for name in names}}


def seconds(case: Any, images: dict[str, Any], steps: int | None) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    case.call(images, steps)
    return time.perf_counter() - start


def give_back() -> None:
    """Return what was freed to the system, where its C library can (glibc)."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)


def measure(case: Any, folder: Path, warm: Path, limit: int) -> dict[str, float]:
    """Return a case's seconds (of an iteration where it is fitted) and, where the system tells
    it, its peak memory in MB; and how long it took at the longest.

    A call on a small grid comes first, so that imports, compilation and loading of weights do
    not count. Memory counts from there: it holds the images that the case takes.
    """
    case.call(load(warm, case.images), 1)
    give_back()
    forget_peak()
    before = peak()
    images = load(folder, case.images)
    signal.alarm(limit)
    times = [seconds(case, images, FEW if case.fitted else None)]
    if case.fitted:
        times.append(seconds(case, images, MORE))
        taken = (times[1] - times[0]) / (MORE - FEW)
    else:
        while sum(times) < ENOUGH and len(times) < REPEATS:
            times.append(seconds(case, images, None))
        taken = min(times)
    found = {name: most - before[name] for name, most in peak().items()}
    return {"seconds": taken, "longest": sum(times) if case.fitted else max(times), **found}


def main() -> None:
    """Measure the case that the command line names."""
    module, kind, name, folder, warm, threads, limit = sys.argv[1:]
    cases = import_module(module).CASES
    case = next(case for case in cases if (case.kind, case.name) == (kind, name))
    with scipy.fft.set_workers(int(threads)):
        print(f"\n{json.dumps(measure(case, Path(folder), Path(warm), int(limit)))}")


if __name__ == "__main__":
    main()
