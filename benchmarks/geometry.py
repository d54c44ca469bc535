"""What thick slices and an oblique B0 cost a network, against the isotropic axial case.

Run as ``python benchmarks/geometry.py dcnet synthnet --size 1`` (names or paths of weights; edge
of the isotropic voxels in mm). One simulated head and one noise make all cases. For thick slices,
the isotropic noisy field is averaged over the slices before it is inverted; the isotropic map is
averaged likewise after, so that both are scored on one grid against one truth. For a tilt the
grid stays and B0 turns. ``native`` and ``cubic`` say where the U-Net works: on the grid as it is,
or on one of cubic voxels with B0 along the third axis; ``*`` marks what the app does.
``--methods`` adds methods of the app, which have no such choice: what they lose, thick slices have
lost.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
from scipy import ndimage

from qsmbids.inference.predict import predict
from qsmbids.inference.predictor import Predictor
from qsmbids.inference.resampling import choose_resampling
from qsmbids.inversion import METHODS, invert
from qsmbids.networks.weights import load_weights
from qsmbids.physics import Problem, bounding_box, forward_field
from qsmbids.simulation import HeadRecipe, simulate_head

FIELD_OF_VIEW = (164.0, 205.0, 205.0)  # mm
CASES = ((2, 0), (4, 0), (1, 20), (2, 20))  # thickness over in-plane edge, degrees about x
NATIVE = {"grid": "native"}


def averaged(image: np.ndarray, thickness: int) -> np.ndarray:
    """Return means over ``thickness`` slices."""
    slices = image.shape[2] // thickness * thickness
    shape = (*image.shape[:2], -1, thickness)
    return image[:, :, :slices].reshape(shape).mean(3, dtype=np.float32)


def nrmse(chi: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    """Return 100 |chi - truth| / |truth| inside ``where``, the means removed."""
    a, b = (image[where] - image[where].mean() for image in (chi, truth))
    return float(100 * np.linalg.norm(a - b) / np.linalg.norm(b))


class Case:
    """One noisy field of the head, and its inversion.

    Parameters
    ----------
    chi, mask, noise : (x, y, z) array
        Truth and noise in ppm on the isotropic grid.
    edge : float
        Of its voxels in mm.
    thickness, tilt : int
        Slices to average; angle of B0 in degrees.
    """

    def __init__(self, chi, mask, noise, edge, thickness=1, tilt=0):  # type: ignore[no-untyped-def]
        angle = math.radians(tilt)
        self.b0_dir = (0.0, math.sin(angle), math.cos(angle))
        field = forward_field(chi, (edge,) * 3, self.b0_dir) + noise
        self.voxel_size = (edge, edge, edge * thickness)
        self.mask = averaged(mask, thickness) > 0.5
        self.field = np.where(self.mask, averaged(field, thickness), 0).astype(np.float32)

    def invert(self, weights: str, card: dict | None) -> np.ndarray:
        """Return the network's map; ``card`` says whether it resamples."""
        model, _ = load_weights(weights)
        problem = Problem(self.field, self.mask, self.voxel_size, self.b0_dir)
        return predict(Predictor(model, problem, card))

    def by_method(self, method: str) -> np.ndarray:
        """Return the map of a method of the app."""
        off = {"uncertainty": False} if METHODS[method].takes("uncertainty") else {}
        geometry = {"voxel_size": self.voxel_size, "b0_dir": self.b0_dir}
        return invert(self.field, self.mask, method=method, **geometry, **off)


def main() -> None:
    """Print one line a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", nargs="*", help="names or paths")
    parser.add_argument("--methods", nargs="*", default=[], choices=list(METHODS))
    parser.add_argument("--size", type=float, default=1.0, help="edge of the voxels in mm")
    parser.add_argument("--noise", type=float, default=0.003, help="of the field, in ppm")
    parser.add_argument("--anatomy", type=int, default=4242)
    asked = parser.parse_args()
    shape = tuple(round(length / asked.size) for length in FIELD_OF_VIEW)
    head = simulate_head(
        HeadRecipe(shape=shape, voxel_size=(asked.size,) * 3, anatomy=asked.anatomy)
    )
    box = bounding_box(head.brain_mask)
    mask = head.brain_mask[box]
    chi = np.where(mask, head.chi[box] - head.chi[box][mask].mean(), 0).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, asked.noise, mask.shape).astype(np.float32)
    print("weights      voxels            tilt  isotropic  native          cubic")
    for weights in asked.weights:
        plain = Case(chi, mask, noise, asked.size).invert(weights, NATIVE)
        _, card = load_weights(weights)
        for thickness, tilt in CASES:
            case = Case(chi, mask, noise, asked.size, thickness, tilt)
            where = ndimage.binary_erosion(case.mask)
            truth = averaged(chi, thickness)
            best = nrmse(averaged(plain, thickness), truth, where)
            used = choose_resampling(case.mask.shape, case.voxel_size, case.b0_dir, card)
            cells = []
            for shown, mark in ((NATIVE, used is None), (None, used is not None)):
                found = nrmse(case.invert(weights, shown), truth, where)
                cells.append(f"{found:5.1f} ({100 * (found / best - 1):+5.1f} %){'* '[not mark]}")
            voxels = "x".join(f"{v:g}" for v in case.voxel_size)
            print(f"{weights[-28:]:12} {voxels:16} {tilt:4d}  {best:9.1f}  {'  '.join(cells)}")
    for method in asked.methods:
        plain = Case(chi, mask, noise, asked.size).by_method(method)
        for thickness, tilt in CASES:
            case = Case(chi, mask, noise, asked.size, thickness, tilt)
            where, truth = ndimage.binary_erosion(case.mask), averaged(chi, thickness)
            best = nrmse(averaged(plain, thickness), truth, where)
            found = nrmse(case.by_method(method), truth, where)
            voxels = "x".join(f"{v:g}" for v in case.voxel_size)
            shown = f"{found:5.1f} ({100 * (found / best - 1):+5.1f} %)"
            print(f"{method:12} {voxels:16} {tilt:4d}  {best:9.1f}  {shown}")


if __name__ == "__main__":
    main()
