"""NRMSE, time and peak memory of every inversion method, from the true local field of a head.

Run as ``python benchmarks/inversion.py --size 1`` (voxel edge in mm). The mean is removed before
scoring, since a field does not determine it. Peak memory is what NumPy allocates in the call.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc

import numpy as np
import scipy.fft as sf

from qsmbids.inversion import METHODS, invert
from qsmbids.simulation import TISSUES, HeadRecipe, simulate_head

FIELD_OF_VIEW = (164.0, 205.0, 205.0)  # mm
DEEP_GREY = ("caudate", "putamen", "pallidum", "substantia nigra", "red nucleus", "dentate")


def nrmse(chi: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    """Return 100 |chi - truth| / |truth| inside ``where``, the means removed."""
    a, b = (image[where] - image[where].mean() for image in (chi, truth))
    return float(100 * np.linalg.norm(a - b) / np.linalg.norm(b))


def main() -> None:
    """Print one line a method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=float, default=1.0, help="voxel edge in mm")
    parser.add_argument("--tilt", type=float, default=0.0, help="B0 about x, in degrees")
    parser.add_argument("--anatomy", type=int, help="seed of a random anatomy")
    parser.add_argument("--noise", type=float, default=0.0, help="white, in ppm of the field")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    asked = parser.parse_args()
    shape = tuple(round(length / asked.size) for length in FIELD_OF_VIEW)
    head = simulate_head(
        HeadRecipe(
            shape=shape,
            voxel_size=(asked.size,) * 3,
            anatomy=asked.anatomy,
            b0_tilt=(asked.tilt, 0.0),
        )
    )
    field = head.local_field + np.random.default_rng(0).normal(0, asked.noise, shape)
    deep = np.isin(head.labels, [TISSUES[name].label for name in DEEP_GREY])
    print(f"{shape} voxels; {'method':10} NRMSE %   deep grey %  seconds   peak MB")
    for method in asked.methods:
        tracemalloc.start()
        start = time.perf_counter()
        with sf.set_workers(asked.threads):
            chi = invert(
                field,
                head.brain_mask,
                voxel_size=head.voxel_size,
                b0_dir=head.b0_dir,
                magnitude=head.magnitude[0],
                method=method,
            )
        seconds = time.perf_counter() - start
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        scores = [nrmse(chi, head.chi, where) for where in (head.brain_mask, deep)]
        print(f"{method:10} {scores[0]:7.1f} {scores[1]:12.1f} {seconds:9.1f} {peak:9.0f}")


if __name__ == "__main__":
    main()
