"""Which background removal goes with which inversion, on heads that no network has seen.

Run as ``python benchmarks/rim.py``: heads at 2 mm, 7 T and 3 T, one of them tilted, SNR 100; the
true brain mask. NRMSE of susceptibility over all voxels that a method keeps, and over those that
RESHARP keeps, with phase that was lost counted as well.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.fft import set_workers

from qsmbids.background import remove_background
from qsmbids.inversion import METHODS, reconstruct
from qsmbids.masking import reliability_mask
from qsmbids.phase import estimate_field
from qsmbids.simulation import Head, HeadRecipe, simulate_head

BACKGROUNDS = ("resharp", "jdf")
RECIPES = (
    HeadRecipe(field_strength=7.0, echo_times=(0.004, 0.012, 0.02, 0.028), anatomy=40, seed=40,
               shape=(82, 103, 103), voxel_size=(2.0, 2.0, 2.0), snr=100),
    HeadRecipe(field_strength=3.0, echo_times=(0.005, 0.012, 0.019, 0.026), anatomy=41, seed=41,
               shape=(82, 103, 103), voxel_size=(2.0, 2.0, 2.0), snr=100),
    HeadRecipe(field_strength=3.0, echo_times=(0.005, 0.012, 0.019, 0.026), anatomy=42, seed=42,
               shape=(82, 103, 103), voxel_size=(2.0, 2.0, 2.0), snr=100, b0_tilt=(15.0, 10.0)),
)  # fmt: skip


def main() -> None:
    """Print a row for each head and background removal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", default=["tv", "medi", "dcnet", "dcnet-tv"])
    parser.add_argument("--weights", help="of dcnet and dcnet-tv instead of the shipped ones")
    asked = parser.parse_args()
    print("head", "background", "kept %", *asked.methods, sep=" | ")
    for recipe in RECIPES:
        with set_workers(2):
            _compare(simulate_head(recipe), recipe, asked)


def _compare(head: Head, recipe: HeadRecipe, asked: argparse.Namespace) -> None:
    grid = {"voxel_size": head.voxel_size, "b0_dir": head.b0_dir}
    estimate = estimate_field(
        head.phase, head.magnitude, recipe.echo_times, field_strength=recipe.field_strength,
        mask=head.brain_mask, voxel_size=head.voxel_size,
    )  # fmt: skip
    mask, reliable, _ = reliability_mask(
        head.brain_mask, voxel_size=head.voxel_size, weight=estimate.weight,
        noise=estimate.noise, residual=estimate.residual,
    )  # fmt: skip
    weight = np.where(reliable, estimate.weight, 0).astype(np.float32)
    local = {
        name: remove_background(estimate.field, mask, method=name, weight=weight, **grid)
        for name in BACKGROUNDS
    }
    for name, (field, kept) in local.items():
        inner = kept & local["resharp"].mask
        row = [f"{recipe.anatomy}", name, f"{100 * kept.sum() / head.brain_mask.sum():.0f}"]
        for method in asked.methods:
            options = {"magnitude": head.magnitude[0]} if method == "medi" else {}
            if asked.weights and method.startswith("dcnet"):
                options["weights"] = asked.weights
            if "uncertainty" in METHODS[method].defaults():
                options["uncertainty"] = False
            own = np.where(kept, weight, 0)
            chi = reconstruct(field, kept, weight=own, method=method, **grid, **options).chi
            row.append(f"{nrmse(chi, head.chi, kept):.1f}, {nrmse(chi, head.chi, inner):.1f}")
        print(*row, sep=" | ", flush=True)


def nrmse(found: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    """Return 100 |found - truth| / |truth| inside ``where``, the means removed."""
    a, b = (image[where] - image[where].mean() for image in (found, truth))
    return float(100 * np.linalg.norm(a - b) / np.linalg.norm(b))


if __name__ == "__main__":
    main()
