"""Which method where: every inversion method on several kinds of fields, over random heads.

The heads are none that a network was trained on. NRMSE in % over the mask and over deep grey
matter; ``near`` is the root mean square error in ppb within 5 mm of the lesions. The kinds:

clean      the true local field
phantom    the dipole field, next to no noise
noisy      the same with noise that follows the magnitude, up to 0.006 ppm where it is full
measured   with what measured fields have and simulations lack (see `heads.measured`)
oblique    voxels of twice the length along the third axis, B0 tilted by 20 degrees
chain      the local field that background removal leaves of the total field
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from scipy.fft import set_workers

from benchmarks import heads
from qsmbids.inversion import METHODS

FIELDS: dict[str, Callable[[heads.Head, int], heads.Case]] = {
    "clean": lambda head, number: heads.cropped(head, head.local_field, head.brain_mask),
    "phantom": lambda head, number: heads.noisy(head, number, 0.0005),
    "noisy": heads.noisy,
    "measured": heads.measured,
    "oblique": lambda head, number: heads.noisy(head, number, 0.0005),
    "chain": lambda head, number: heads.background_removed(head),
}


def score(case: heads.Case, method: str) -> list[float]:
    """Return the figures of a row."""
    start = time.perf_counter()
    chi = heads.inverted(case, method).chi
    seconds = time.perf_counter() - start
    deep = heads.tissues(case["labels"], heads.DEEP_GREY) & case["mask"]
    errors = [heads.nrmse(chi, case["chi"], where) for where in (case["mask"], deep)]
    return [*errors, heads.near_lesions(chi, case), seconds]


def main() -> None:
    """Print a line a kind of field and method: means over the heads."""
    parser = heads.parser(__doc__)
    parser.add_argument("--heads", type=int, default=2)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--kinds", nargs="+", default=list(FIELDS), choices=list(FIELDS))
    asked = parser.parse_args()
    print("field      method         NRMSE %    deep %  near ppb         s")
    for kind in asked.kinds:
        stretch, tilt = (2, (20.0, 0.0)) if kind == "oblique" else (1, (0.0, 0.0))
        voxel = (asked.size, asked.size, asked.size * stretch)
        cases = [
            FIELDS[kind](heads.random_head(voxel, heads.FIRST_HEAD + number, tilt=tilt), number)
            for number in range(asked.heads)
        ]
        for method in asked.methods:
            with set_workers(asked.threads):
                means = np.mean([score(case, method) for case in cases], axis=0)
            print(f"{kind:10} {method:12}" + "".join(f"{x:10.1f}" for x in means), flush=True)


if __name__ == "__main__":
    main()
