"""NRMSE, time and peak memory of every background removal method on a simulated head.

Run as ``python benchmarks/background.py --size 1`` (voxel edge in mm). The input is the total
field estimated from the simulated phase; voxels without signal do not count in the score. Peak
memory is what NumPy allocates in the call, the input not counted. ``--rim`` makes the mask larger
or smaller than the brain by so many mm, ``--base`` makes its lowest third larger; what is outside
of the brain does not count either.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from typing import Any

import numpy as np
import scipy.fft as sf
from scipy.ndimage import distance_transform_edt

from qsmbids.background import METHODS, remove_background
from qsmbids.background.unreliable import reliability
from qsmbids.masking.morphology import dilate, erode
from qsmbids.phase import estimate_field
from qsmbids.simulation import HeadRecipe, simulate_head

FIELD_OF_VIEW = (164.0, 205.0, 205.0)  # mm
INNER = 7.0  # mm below the mask's surface, so that all methods are scored in one place too


def imperfect(brain: np.ndarray, size: tuple[float, ...], rim: float, base: float) -> np.ndarray:
    """Return the brain made larger or smaller by ``rim`` mm, its lowest third by ``base`` mm."""
    mask = dilate(brain, rim, size) if rim > 0 else erode(brain, -rim, size)
    slices = np.flatnonzero(brain.any(axis=(0, 1)))
    low = mask & (np.arange(mask.shape[2]) < slices[0] + len(slices) // 3)
    return mask | dilate(low, base, size)


def prepare(asked: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of `remove_background`, the truth and where to score."""
    shape = tuple(round(length / asked.size) for length in FIELD_OF_VIEW)
    head = simulate_head(
        HeadRecipe(shape=shape, voxel_size=(asked.size,) * 3, snr=asked.snr, anatomy=asked.anatomy)
    )
    mask = imperfect(head.brain_mask, head.voxel_size, asked.rim, asked.base)
    geometry = {"voxel_size": head.voxel_size, "b0_dir": head.b0_dir}
    estimate = estimate_field(
        head.phase,
        head.magnitude,
        head.echo_times,
        field_strength=head.field_strength,
        mask=mask,
        voxel_size=head.voxel_size,
    )
    field, weight = (
        (head.total_field, None) if asked.true_field else (estimate.field, estimate.weight)
    )
    return {
        "arguments": {"field": field, "mask": mask, "weight": weight, **geometry},
        "truth": head.local_field,
        "brain": head.brain_mask,
        "scored": head.brain_mask & (reliability(estimate.weight, mask) >= 0.5),
    }


def nrmse(local: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    """Return 100 |local - truth| / |truth| inside ``where``."""
    return float(100 * np.linalg.norm((local - truth)[where]) / np.linalg.norm(truth[where]))


def measure(method: str, case: dict[str, Any]) -> str:
    """Run one method and return its line of the table."""
    tracemalloc.start()
    start, processor = time.perf_counter(), time.process_time()
    result = remove_background(method=method, **case["arguments"])
    wall, processor = time.perf_counter() - start, time.process_time() - processor
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    mask, edges = case["arguments"]["mask"], case["arguments"]["voxel_size"]
    where = result.mask & case["scored"]
    inner = where & (distance_transform_edt(case["brain"], sampling=edges) > INNER)
    scores = [nrmse(result.field, case["truth"], voxels) for voxels in (where, inner)]
    kept = 100 * result.mask.sum() / mask.sum()
    return (
        f"{method:10} {scores[0]:7.1f} {scores[1]:12.1f} {kept:12.1f} {wall:7.1f}"
        f" {processor:7.1f} {peak:9.0f}"
    )


def main() -> None:
    """Print one line a method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=float, default=1.0, help="voxel edge in mm")
    parser.add_argument("--snr", type=float, default=100.0)
    parser.add_argument("--anatomy", type=int, help="seed of a random anatomy")
    parser.add_argument("--true-field", action="store_true", help="start from the true total field")
    parser.add_argument("--rim", type=float, default=0.0, help="mm to make the mask larger")
    parser.add_argument("--base", type=float, default=0.0, help="the same for its lowest third")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    asked = parser.parse_args()
    case = prepare(asked)
    print(f"{'method':10} NRMSE %  >{INNER:g} mm deep  mask kept %  wall s   CPU s    peak MB")
    with sf.set_workers(asked.threads):
        for method in asked.methods:
            print(measure(method, case), flush=True)


if __name__ == "__main__":
    main()
