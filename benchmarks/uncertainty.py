"""Coverage of the uncertainty map on heads that no network has seen.

Run as ``python benchmarks/uncertainty.py --size 2`` (voxel edge in mm). For each data set and each
map it prints the share of voxels whose error is within one sigma (and two), in the whole mask
and in its parts; the map's NRMSE; sigma's median; and the rank correlation of sigma with the
absolute error, which a constant sigma would leave at zero. An honest one-sigma interval holds
68.3 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import scipy.fft as sf
from scipy.ndimage import distance_transform_edt
from scipy.stats import spearmanr

from qsmbids.background import remove_background
from qsmbids.inference.predict_uncertainty import predict_uncertainty
from qsmbids.inversion import DEFAULT, METHODS, invert
from qsmbids.inversion.network import network
from qsmbids.networks.weights_file import bundled
from qsmbids.physics import Problem
from qsmbids.simulation import TISSUES, Head, HeadRecipe, simulate_head

FIELD_OF_VIEW = (164.0, 205.0, 205.0)  # mm
NOISE = 0.002  # ppm where the magnitude is the brain's mean
PARTS = {
    "deep grey": ("caudate", "putamen", "pallidum", "substantia nigra", "red nucleus", "dentate"),
    "veins": ("vein",),
    "lesions": ("calcification", "haemorrhage"),
}
RIM = 4.0  # mm from the mask's surface


@dataclass(frozen=True)
class Case:
    """A local field, and the truth behind it."""

    name: str
    head: Head
    field: np.ndarray
    mask: np.ndarray

    @property
    def geometry(self) -> dict[str, tuple[float, ...]]:
        """Voxel size and B0 direction."""
        return {"voxel_size": self.head.voxel_size, "b0_dir": self.head.b0_dir}

    def parts(self) -> dict[str, np.ndarray]:
        """Return the masks of the table's columns."""
        depth = distance_transform_edt(self.mask, sampling=self.head.voxel_size)
        parts = {"all": self.mask, "rim": self.mask & (depth <= RIM)}
        for name, tissues in PARTS.items():
            labels = [TISSUES[tissue].label for tissue in tissues]
            parts[name] = self.mask & np.isin(self.head.labels, labels)
        return parts


def simulated(size: tuple[float, ...], tilt: tuple[float, float], seed: int) -> Head:
    """Return a head of an anatomy that no training has seen."""
    shape = tuple(round(length / edge) for length, edge in zip(FIELD_OF_VIEW, size, strict=True))
    recipe = HeadRecipe(shape=shape, voxel_size=size, b0_tilt=tilt, seed=seed, anatomy=seed)
    return simulate_head(recipe)


def noisy(field: np.ndarray, head: Head, level: float) -> np.ndarray:
    """Return the field with noise that grows where the signal is weak."""
    magnitude = head.magnitude[len(head.magnitude) // 2]
    relative = magnitude[head.brain_mask].mean() / np.maximum(magnitude, 1e-3)
    error = np.random.default_rng(0).normal(0, level, field.shape) * np.minimum(relative, 10)
    return np.asarray(field + error, np.float32)


def cases(edge: float, seed: int) -> Iterator[Case]:
    """Yield the data sets one after another."""
    cubic, thick = (edge,) * 3, (0.75 * edge, 0.75 * edge, 2 * edge)
    head = simulated(cubic, (0, 0), seed)
    mask = head.brain_mask
    for level in (0.25 * NOISE, NOISE, 4 * NOISE):
        field = noisy(head.local_field, head, level) * mask
        yield Case(f"cubic, noise {1000 * level:g} ppb", head, field, mask)
    total = noisy(head.total_field, head, NOISE)
    local = remove_background(total, mask, voxel_size=cubic, b0_dir=head.b0_dir)
    yield Case("background removed", head, local.field, local.mask)
    for name, size, tilt in (
        ("anisotropic", thick, (0, 0)),
        ("oblique", cubic, (25, 15)),
        ("anisotropic, oblique", thick, (25, 15)),
    ):
        head = simulated(size, tilt, seed + 1)
        field = noisy(head.local_field, head, NOISE) * head.brain_mask
        yield Case(name, head, field, head.brain_mask)


def row(chi: np.ndarray, sigma: np.ndarray, case: Case) -> str:
    """Return the table's row of one map."""
    mask = case.mask
    truth, found = (np.where(mask, i - i[mask].mean(), 0) for i in (case.head.chi, chi))
    error = np.abs(found - truth)
    ratio = np.divide(error, sigma, out=np.zeros_like(error), where=mask)
    nrmse = 100 * np.linalg.norm(error[mask]) / np.linalg.norm(truth[mask])
    shares = [
        f"{100 * np.mean(ratio[part] <= 1):5.0f} {100 * np.mean(ratio[part] <= 2):4.0f}"
        if part.any()
        else "    -    -"
        for part in case.parts().values()
    ]
    rank = spearmanr(sigma[mask][::7], error[mask][::7]).statistic
    return " ".join(shares) + f" {nrmse:8.1f} {1000 * np.median(sigma[mask]):9.1f} {rank:6.2f}"


def maps(case: Case, asked: argparse.Namespace) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the map of each network and method that is asked for."""
    for weights in asked.networks:
        name = weights.removesuffix("/weights.safetensors").split("/")[-1]
        problem = Problem(case.field, case.mask, **case.geometry)
        yield name, network(problem, weights=weights, uncertainty=False).chi
    for method in asked.methods:
        off = {"uncertainty": False} if METHODS[method].takes("uncertainty") else {}
        yield method, invert(case.field, case.mask, method=method, **off, **case.geometry)


def header(parts: Mapping[str, np.ndarray]) -> str:
    """Return the table's first line."""
    return f"{'':20} " + " ".join(f"{part:>10}" for part in parts) + "  NRMSE % sigma ppb   rank"


def main() -> None:
    """Print one table a data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=float, default=2.0, help="voxel edge in mm")
    parser.add_argument("--seed", type=int, default=4242, help="of the first anatomy")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--weights", default="uncertainty", help="of the uncertainty")
    parser.add_argument(
        "--networks", nargs="*", default=list(bundled("inversion")), help="names or paths"
    )
    parser.add_argument("--methods", nargs="*", default=[DEFAULT], choices=list(METHODS))
    parser.add_argument("--cases", nargs="*", help="only those whose name has one of these words")
    asked = parser.parse_args()
    with sf.set_workers(asked.threads):
        for case in cases(asked.size, asked.seed):
            if asked.cases and not any(word in case.name for word in asked.cases):
                continue
            print(f"{case.name}, {case.mask.shape}\n{header(case.parts())}")
            for name, chi in maps(case, asked):
                problem = Problem(case.field, case.mask, **case.geometry)
                sigma = predict_uncertainty(chi, problem, weights=asked.weights)
                print(f"{name:20} {row(chi, sigma, case)}", flush=True)


if __name__ == "__main__":
    main()
