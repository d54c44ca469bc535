"""Which method where: every inversion method on several kinds of data, over random heads.

Run as ``python benchmarks/methods.py --size 1.5 --heads 3``. The heads are none that a network was
trained on. ``shell`` is the root mean square error in ppb within 5 mm of the lesions. The kinds of
data:

phantom    the true local field, next to no noise
noisy      the same with noise that follows the magnitude, 0.006 ppm where it is full
measured   with what measured fields have and simulations lack: a smooth field that no
           susceptibility explains, half as strong as the rest (with that TKD and total variation
           reach on a simulated head what they reach in vivo), a residual of the background,
           wrong voxels, noise
oblique    voxels of twice the length along the third axis, B0 tilted by 20 degrees
chain      the local field that background removal leaves of the total field
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.fft as sf
import scipy.ndimage as ndi

from qsmbids.background import remove_background
from qsmbids.evaluation import evaluate, regions_of
from qsmbids.inversion import METHODS, invert
from qsmbids.physics import DipoleConvolution, bounding_box
from qsmbids.simulation import TISSUES, Head, HeadRecipe, simulate_head
from qsmbids.training.data.corruption import CLEAN, Corruption, corrupt
from qsmbids.training.data.random_fields import SmoothNoise

FIELD_OF_VIEW = (164.0, 205.0, 205.0)  # mm
FIRST_HEAD = 1000  # seeds below belong to training
SHOWN = ("nrmse", "xsim", "dnrmse_deep_grey", "deviation_from_linear_slope", "calcification_streak")
COLUMNS = (*SHOWN, "shell", "seconds")
LESIONS = ("calcification", "haemorrhage")
Case = dict[str, np.ndarray]


def simulated(size: float, number: int, stretch: float = 1.0, tilt: float = 0.0) -> Head:
    """Return a random head at ``size`` mm, its voxels longer along the third axis."""
    voxel = (size, size, size * stretch)
    shape = tuple(round(length / edge) for length, edge in zip(FIELD_OF_VIEW, voxel, strict=True))
    seed = FIRST_HEAD + number
    return simulate_head(
        HeadRecipe(shape=shape, voxel_size=voxel, b0_tilt=(tilt, 0.0), seed=seed, anatomy=seed)
    )


def with_errors(head: Head, number: int, how: Corruption) -> Case:
    """Return the head's field as ``how`` corrupts it, cut to the brain."""
    rng = np.random.default_rng(number)
    box = bounding_box(head.brain_mask)
    mask = head.brain_mask[box]
    dipole = DipoleConvolution(mask.shape, head.voxel_size, head.b0_dir, 32)
    sample = corrupt(
        rng, head.chi[box], mask, dipole=dipole, noise=SmoothNoise(rng, mask.shape), how=how
    )
    return {**sample, "mask": mask, "labels": head.labels[box], "magnitude": head.magnitude[0][box]}


def measured(head: Head, number: int) -> Case:
    """Return a field as hard as measured ones."""
    how = Corruption(background=0.3, model=0.0, noise=0.003, wrong=0.002, scale=(1.0, 1.0))
    case = with_errors(head, number, how)
    mask = case["mask"]
    smooth = SmoothNoise(np.random.default_rng(number), mask.shape)(3.0 / head.voxel_size[0])
    case["field"] += np.where(mask, 0.5 * case["field"][mask].std() * smooth, 0)
    return case


def through_background(head: Head) -> Case:
    """Return what background removal leaves of the head's total field."""
    local = remove_background(
        head.total_field, head.brain_mask, voxel_size=head.voxel_size, b0_dir=head.b0_dir
    )
    box = bounding_box(head.brain_mask)
    return {
        "field": local.field[box], "mask": local.mask[box], "chi": head.chi[box],
        "labels": head.labels[box], "magnitude": head.magnitude[0][box],
    }  # fmt: skip


def cases(size: float, number: int) -> dict[str, tuple[Head, Callable[[Head], Case]]]:
    """Return each kind of data as a head and how its field is made."""
    head = simulated(size, number)
    oblique = simulated(size, number, 2.0, 20.0)
    one = (1.0, 1.0)
    quiet = Corruption(**{**vars(CLEAN), "noise": 0.0005, "scale": one})
    noisy = Corruption(**{**vars(CLEAN), "noise": 0.006, "scale": one})
    return {
        "phantom": (head, lambda h: with_errors(h, number, quiet)),
        "noisy": (head, lambda h: with_errors(h, number, noisy)),
        "measured": (head, lambda h: measured(h, number)),
        "oblique": (oblique, lambda h: with_errors(h, number, quiet)),
        "chain": (head, through_background),
    }


def main() -> None:
    """Print a line a kind of data and method: means over the heads."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=float, default=1.5, help="voxel edge in mm")
    parser.add_argument("--heads", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--kinds", nargs="+", help="all by default")
    parser.add_argument("--option", nargs="+", default=[], metavar="METHOD.NAME=VALUE")
    parser.add_argument("--out", type=Path, help="a JSON file for the figures")
    asked = parser.parse_args()
    options: dict[str, dict[str, object]] = {}
    for text in asked.option:
        name, _, value = text.partition("=")
        method, _, option = name.rpartition(".")
        options.setdefault(method, {})[option] = _plain(value)
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for number in range(asked.heads):
        for kind, (head, make) in cases(asked.size, number).items():
            if asked.kinds and kind not in asked.kinds:
                continue
            case = make(head)
            for method in asked.methods:
                scores = score(head, case, method, asked.threads, options.get(method, {}))
                found.setdefault((kind, method), []).append(scores)
    print(f"{'data':10}{'method':14}" + "".join(f"{name[:18]:>20}" for name in COLUMNS))
    for (kind, method), rows in found.items():
        means = [np.mean([row[name] for row in rows]) for name in COLUMNS]
        print(f"{kind:10}{method:14}" + "".join(f"{value:20.3f}" for value in means))
    if asked.out:
        rows = [{"data": k, "method": m, "scores": v} for (k, m), v in found.items()]
        asked.out.write_text(json.dumps(rows, indent=1) + "\n")


def score(
    head: Head, case: Case, method: str, threads: int, options: dict[str, object]
) -> dict[str, float]:
    """Invert and measure one case."""
    start = time.perf_counter()
    with sf.set_workers(threads):
        chi = invert(
            case["field"], case["mask"], voxel_size=head.voxel_size, b0_dir=head.b0_dir,
            weight=case.get("weight"), magnitude=case["magnitude"], method=method, **options,
        )  # fmt: skip
    seconds = time.perf_counter() - start
    scores = evaluate(chi, case["chi"], case["mask"], regions=regions_of(case["labels"]))
    return {**scores, "shell": shell(chi, case, head.voxel_size), "seconds": seconds}


def shell(chi: np.ndarray, case: Case, voxel_size: tuple[float, ...]) -> float:
    """Return the root mean square error in ppb within 5 mm of the lesions, outside of them."""
    lesions = np.isin(case["labels"], [TISSUES[name].label for name in LESIONS])
    distance = ndi.distance_transform_edt(~lesions, sampling=voxel_size)
    # the voxels at the lesion's rim hold parts of it
    near = (distance > 2 * max(voxel_size)) & (distance <= 5 + max(voxel_size)) & case["mask"]
    error = chi - case["chi"]
    return float(1e3 * np.sqrt(np.mean((error[near] - error[case["mask"]].mean()) ** 2)))


def _plain(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    main()
