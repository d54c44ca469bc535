"""Seconds and peak memory of every stage and method, against the size of the grid.

Each case runs in a process of its own, after a first call on a small grid: imports, compilation and
loading of weights do not count. GB is the most memory beyond that of the process before it held
any image, so the input counts. What is fitted to the participant (*) is measured as seconds of one
iteration over the whole volume. ``--against FOLDER`` measures the same with the code of another
version, a checkout of it, beside; run it with nothing else running.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import scipy.fft

from qsmbids import background, inversion, masking, phase
from qsmbids.interfaces.memory import forget_peak, peak
from qsmbids.physics import forward_field

ROOT = Path(__file__).resolve().parents[1]
WARM = 5.0  # mm, voxels of the grid on which a process does its first call
ENOUGH, REPEATS = 0.3, 5  # seconds after which a case is not repeated; how often at the most
FEW, MORE = 1, 3  # iterations, whose difference is the time of one
Images = dict[str, Any]
"""What one grid's cases take: phase, magnitude, total and local field, mask, ..."""


def total_field(images: Images, **options: Any) -> Any:
    """Combine the echoes to the total field."""
    names = ("echo_times", "field_strength", "mask", "voxel_size")
    given = {name: images[name] for name in names}
    return phase.estimate_field(images["phase"], images["magnitude"], **given, **options)


def brain(images: Images) -> Any:
    """Extract the brain, and complain if the head is not taken for one."""
    where = {name: images[name] for name in ("voxel_size", "affine")}
    found = masking.brain_mask(images["magnitude"][0], **where)
    if found.method == "none":
        raise ValueError(found.warnings[0])
    return found


def removal(images: Images, *, method: str) -> Any:
    """Remove the background."""
    given = {name: images[name] for name in ("mask", "voxel_size", "weight")}
    return background.remove_background(images["total"], method=method, **given)


def inverted(images: Images, steps: int | None = None, *, method: str) -> Any:
    """Invert the local field, without the uncertainty."""
    known = inversion.METHODS[method].defaults()
    options = {"uncertainty": False, "patch_iterations": 0, "iterations": steps}
    if steps is None:
        del options["iterations"]
    given = {name: images[name] for name in ("mask", "voxel_size", "weight")}
    chosen = {name: value for name, value in options.items() if name in known}
    magnitude = images["magnitude"][0]
    return inversion.reconstruct(
        images["local"], method=method, magnitude=magnitude, device="cpu", **given, **chosen
    )


FITTED = ("qsminvnet", "qsminvnet+", "zs-uqsm+", "dip")
CASES: dict[str, Callable[..., Any]] = {
    "FFT pair": lambda images: scipy.fft.irfftn(scipy.fft.rfftn(images["local"])),
    "forward field": lambda images: forward_field(images["chi"], images["voxel_size"]),
    "brain mask": brain,
    "total field": total_field,
    "total field, Laplacian": partial(total_field, unwrapping="laplacian"),
    "total field, nonlinear fit": partial(total_field, fit="nonlinear"),
    "R2*": lambda images: phase.fit_decay(
        images["magnitude"], images["echo_times"], images["mask"]
    ),
    **{name: partial(removal, method=name) for name in background.METHODS},
    **{name: partial(inverted, method=name) for name in inversion.METHODS},
}


def measure(name: str, warm: Images, folder: Path, limit: int) -> tuple[float, float]:
    """Return a case's seconds and its peak memory in GB; 0 where the system does not tell."""
    call = CASES[name]
    call(warm, *([1] if name in FITTED else []))
    forget_peak()
    before = peak()
    images = pickle.loads((folder / "images").read_bytes())
    signal.alarm(limit)
    times: list[float] = []
    while not times or (sum(times) < ENOUGH and len(times) < REPEATS):
        start = time.perf_counter()
        call(images, *([MORE] if name in FITTED else []))
        times.append(time.perf_counter() - start)
    seconds = min(times)
    if name in FITTED:
        start = time.perf_counter()
        call(images, FEW)
        seconds = (seconds - (time.perf_counter() - start)) / (MORE - FEW)
    used = [most - before[name] for name, most in peak().items()]
    return seconds, (used or [0])[0] / 1024


def write_images(edge: float, folder: Path) -> None:
    """Write what the cases take, of one head with voxels of ``edge`` mm."""
    from benchmarks.heads import random_head

    head = random_head(edge, None, field_strength=3.0, echo_times=(0.004, 0.012, 0.020))
    names = ("phase", "magnitude", "echo_times", "field_strength", "voxel_size", "affine")
    images = {name: getattr(head, name) for name in names}
    images |= {"total": head.total_field, "local": head.local_field, "mask": head.brain_mask}
    weight = head.brain_mask * head.magnitude[1] / head.magnitude[1].max()
    folder.mkdir()
    (folder / "images").write_bytes(pickle.dumps({**images, "chi": head.chi, "weight": weight}))


def cell(name: str, folder: Path, code: Path, asked: argparse.Namespace) -> str:
    """Return what a process measures with the code in a folder, or why it did not get there."""
    threads = str(asked.threads)
    settings = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    options = ["--threads", threads, "--seconds", str(asked.seconds), "--worker", str(folder)]
    done = subprocess.run(
        [sys.executable, __file__, "--only", name, *options],
        env=os.environ | settings | {"PYTHONPATH": str(code)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == -signal.SIGALRM:
        return f"> {asked.seconds} s"
    if done.returncode:
        return f"failed: {done.stderr.strip().splitlines()[-1]}"
    seconds, gigabytes = json.loads(done.stdout.splitlines()[-1])
    return f"{seconds:.2g}, {gigabytes:.2g}"


def main() -> None:
    """Print a row a case, a column a grid and version."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=float, nargs="+", default=[2, 1.5, 1], help="edges in mm")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=60, help="limit of a call")
    parser.add_argument("--only", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--against", type=Path, action="append", default=[], metavar="FOLDER")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        warm = pickle.loads((asked.worker.parent / "warm" / "images").read_bytes())
        with scipy.fft.set_workers(asked.threads):
            print(f"\n{json.dumps(measure(asked.only[0], warm, asked.worker, asked.seconds))}")
        return
    codes = {"": ROOT, **{f", {folder.name}": folder.resolve() for folder in asked.against}}
    with tempfile.TemporaryDirectory() as scratch:
        write_images(WARM, Path(scratch) / "warm")
        folders = {edge: Path(scratch) / f"{edge:g}" for edge in sorted(asked.sizes, reverse=True)}
        for edge, folder in folders.items():
            write_images(edge, folder)
        columns = [f"{edge:g} mm{version}" for edge in folders for version in codes]
        print("| s, GB |", " | ".join(columns), "|")
        print("|---" * (len(columns) + 1) + "|")
        for name in asked.only:
            cells = [
                cell(name, f, code, asked) for f in folders.values() for code in codes.values()
            ]
            print(f"| {name}{'*' * (name in FITTED)} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
