"""Coverage of the uncertainty map on heads that no network has seen.

For each data set and each map: the share of voxels whose error is within one sigma (and two), in
the whole mask and in its parts; the map's NRMSE; sigma's median; and the rank correlation of sigma
with the absolute error, which a constant sigma would leave at zero. An honest one-sigma interval
holds 68.3 %.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.fft import set_workers
from scipy.ndimage import distance_transform_edt
from scipy.stats import spearmanr

from benchmarks import heads
from qsmbids.inference.predict_uncertainty import predict_uncertainty
from qsmbids.inversion import DEFAULT, METHODS
from qsmbids.networks.weights_file import bundled
from qsmbids.physics import Problem

NOISE = 0.002  # ppm where the magnitude is the brain's mean
PARTS = {"deep grey": heads.DEEP_GREY, "veins": ("vein",), "lesions": heads.LESIONS}
RIM = 4.0  # mm from the mask's surface


def noisy(head: heads.Head, level: float, *, background: bool = False) -> heads.Case:
    """Return the field with noise that grows where the signal is weak, in ppm."""
    magnitude = head.magnitude[len(head.magnitude) // 2]
    relative = magnitude[head.brain_mask].mean() / np.maximum(magnitude, 1e-3)
    error = np.random.default_rng(0).normal(0, level, magnitude.shape) * np.minimum(relative, 10)
    field = (head.total_field if background else head.local_field) + error
    if background:
        local = heads.remove_background(field, head.brain_mask, **heads.geometry(head))
        return heads.cropped(head, local.field, local.mask)
    return heads.cropped(head, np.float32(field * head.brain_mask), head.brain_mask)


def cases(edge: float, seed: int) -> Iterator[tuple[str, heads.Case]]:
    """Yield the data sets one after another."""
    cubic, thick = (edge,) * 3, (0.75 * edge, 0.75 * edge, 2 * edge)
    head = heads.random_head(cubic, seed)
    for level in (0.25 * NOISE, NOISE, 4 * NOISE):
        yield f"cubic, noise {1000 * level:g} ppb", noisy(head, level)
    yield "background removed", noisy(head, NOISE, background=True)
    for name, size, tilt in (
        ("anisotropic", thick, (0, 0)),
        ("oblique", cubic, (25, 15)),
        ("anisotropic, oblique", thick, (25, 15)),
    ):
        yield name, noisy(heads.random_head(size, seed + 1, tilt=tilt), NOISE)


def parts(case: heads.Case) -> dict[str, np.ndarray]:
    """Return the masks of the table's columns."""
    mask = case["mask"]
    depth = distance_transform_edt(np.pad(mask, 1), sampling=case["voxel_size"])[1:-1, 1:-1, 1:-1]
    found = {name: mask & heads.tissues(case["labels"], names) for name, names in PARTS.items()}
    return {"all": mask, "rim": mask & (depth <= RIM), **found}


def row(chi: np.ndarray, sigma: np.ndarray, case: heads.Case) -> str:
    """Return the table's row of one map."""
    mask = case["mask"]
    truth, found = (np.where(mask, i - i[mask].mean(), 0) for i in (case["chi"], chi))
    error = np.abs(found - truth)
    ratio = np.divide(error, sigma, out=np.zeros_like(error), where=mask)
    shares = [
        f"{100 * np.mean(ratio[part] <= 1):5.0f} {100 * np.mean(ratio[part] <= 2):4.0f}"
        if part.any()
        else "    -    -"
        for part in parts(case).values()
    ]
    rank = spearmanr(sigma[mask][::7], error[mask][::7]).statistic
    nrmse, median = heads.nrmse(chi, case["chi"], mask), 1000 * np.median(sigma[mask])
    return " ".join(shares) + f" {nrmse:8.1f} {median:9.1f} {rank:6.2f}"


def main() -> None:
    """Print one table a data set."""
    parser = heads.parser(__doc__)
    parser.add_argument("--seed", type=int, default=4242, help="of the first anatomy")
    parser.add_argument("--weights", default="uncertainty", help="of the uncertainty")
    parser.add_argument(
        "--networks", nargs="*", default=list(bundled("inversion")), help="names or paths"
    )
    parser.add_argument("--methods", nargs="*", default=[DEFAULT], choices=list(METHODS))
    parser.add_argument("--cases", nargs="*", help="only those whose name has one of these words")
    asked = parser.parse_args()
    rows = [(one, one, {}) for one in asked.methods]
    rows += [(one, "dcnet", {"weights": one}) for one in asked.networks]
    with set_workers(asked.threads):
        for name, case in cases(asked.size, asked.seed):
            if asked.cases and not any(word in name for word in asked.cases):
                continue
            mask, where = case["mask"], {key: case[key] for key in ("voxel_size", "b0_dir")}
            print(f"{name}, {mask.shape}")
            print(" " * 20, *(f"{part:>10}" for part in parts(case)), " NRMSE % sigma ppb   rank")
            for label, method, options in rows:
                chi = heads.inverted(case, method, **options).chi
                problem = Problem(case["field"], mask, **where)
                sigma = predict_uncertainty(chi, problem, weights=asked.weights)
                print(f"{label[-20:]:20} {row(chi, sigma, case)}", flush=True)


if __name__ == "__main__":
    main()
