"""Every background removal on simulated heads: local field, and susceptibility after it.

The input is the total field estimated from the simulated phase. Local field: NRMSE in % where the
method has a value and the phase can be trusted, and the same deeper than 7 mm; then seconds and
what NumPy allocates at the most. Susceptibility, for each of ``--inversions``: NRMSE in % over all
voxels kept, and over those that RESHARP keeps, with phase that was lost counted as well.
``--rim`` makes the mask larger or smaller than the brain by so many mm, ``--base`` makes its
lowest third larger; what is outside of the brain does not count.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc

import numpy as np
from scipy.fft import set_workers
from scipy.ndimage import distance_transform_edt

from benchmarks import heads
from qsmbids.background import METHODS, remove_background
from qsmbids.inversion import METHODS as INVERSIONS
from qsmbids.masking import reliability_mask
from qsmbids.physics.morphology import dilate, erode

INNER = 7.0  # mm below the brain's surface, so that all methods are scored in one place too
RECIPES = (
    {"field_strength": 7.0, "echo_times": (0.004, 0.012, 0.02, 0.028)},
    {"field_strength": 3.0, "echo_times": (0.005, 0.012, 0.019, 0.026)},
    {"field_strength": 3.0, "echo_times": (0.005, 0.012, 0.019, 0.026), "tilt": (15.0, 10.0)},
)
FIRST_HEAD = 40


def imperfect(head: heads.Head, rim: float, base: float) -> np.ndarray:
    """Return the brain made larger or smaller by ``rim`` mm, its lowest third by ``base`` mm."""
    brain, size = head.brain_mask, head.voxel_size
    mask = dilate(brain, rim, size) if rim > 0 else erode(brain, -rim, size)
    slices = np.flatnonzero(brain.any(axis=(0, 1)))
    low = mask & (np.arange(mask.shape[2]) < slices[0] + len(slices) // 3)
    return mask | dilate(low, base, size)


def compare(head: heads.Head, number: int, asked: argparse.Namespace) -> None:
    """Print a line a method for one head."""
    brain, mask = head.brain_mask, imperfect(head, asked.rim, asked.base)
    deep = distance_transform_edt(brain, sampling=head.voxel_size) > INNER
    known = heads.total_field(head, mask)
    inside, reliable, _ = reliability_mask(
        mask,
        voxel_size=head.voxel_size,
        weight=known.weight,
        noise=known.noise,
        residual=known.residual,
    )
    weight = np.where(reliable, known.weight, 0).astype(np.float32)
    given = {"weight": weight, **heads.geometry(head)}
    resharp = remove_background(known.field, inside, method="resharp", **given).mask
    for method in asked.methods:
        tracemalloc.start()
        start = time.perf_counter()
        field, kept = remove_background(known.field, inside, method=method, **given)
        seconds, peak = time.perf_counter() - start, tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        truth, seen = head.local_field, kept & brain & reliable
        errors = [heads.nrmse(field, truth, w, demean=False) for w in (seen, seen & deep)]
        cells = [f"{100 * kept.sum() / brain.sum():.0f}", *(f"{x:.1f}" for x in errors)]
        cells += [f"{seconds:.1f}", f"{peak:.0f}"]
        case = heads.cropped(head, field, kept, np.where(kept, weight, 0))
        inner = heads.cropped(head, field, kept & resharp)["mask"]
        for name in asked.inversions:
            chi = heads.inverted(case, name).chi
            errors = [heads.nrmse(chi, case["chi"], where) for where in (case["mask"], inner)]
            cells.append(", ".join(f"{x:.1f}" for x in errors))
        print(number, method, *cells, sep=" | ", flush=True)


def main() -> None:
    """Print a line a head and method."""
    parser = heads.parser(__doc__)
    parser.add_argument("--rim", type=float, default=0.0, help="mm to make the mask larger")
    parser.add_argument("--base", type=float, default=0.0, help="the same for its lowest third")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--inversions", nargs="*", default=[], choices=list(INVERSIONS))
    parser.add_argument("--heads", type=int, default=1, help="7 T; 3 T; 3 T, tilted")
    asked = parser.parse_args()
    print("head | method | kept % | field % | deep % | s | MB", *asked.inversions, sep=" | ")
    for number, recipe in enumerate(RECIPES[: asked.heads], start=FIRST_HEAD):
        with set_workers(asked.threads):
            compare(heads.random_head(asked.size, number, **recipe), number, asked)


if __name__ == "__main__":
    main()
