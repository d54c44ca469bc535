"""Shadows around a haemorrhage and a calcification: a head's map with them minus that without.

Run as ``python benchmarks/shadow.py --size 2 --heads 2``. Prints the root mean square in ppb of
that difference, its truth taken off, within 5 mm of the lesions, on heads that no network has seen;
and the whole error there, to which what has nothing to do with the lesions adds.
"""

from __future__ import annotations

import argparse

import numpy as np
import scipy.fft as sf
import scipy.ndimage as ndi
from methods import LESIONS, simulated

from qsmbids.inversion import METHODS, invert
from qsmbids.physics import DipoleConvolution, bounding_box
from qsmbids.simulation import TISSUES, Head

NOISES = (0.0002, 0.003)  # ppm


def two(head: Head) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the susceptibility with the lesions and without, and where a shadow would be."""
    box = bounding_box(head.brain_mask)
    mask, chi, size = head.brain_mask[box], head.chi[box], head.voxel_size
    lesions = np.isin(head.labels[box], [TISSUES[name].label for name in LESIONS])
    distance = ndi.distance_transform_edt(~lesions, sampling=size)
    around = np.median(chi[mask])
    # the voxels at a lesion's rim hold parts of it
    theirs = (distance <= 2 * max(size)) & (np.abs(chi - around) > 0.1)
    shell = (distance > 2 * max(size)) & (distance <= 5 + max(size)) & mask
    return chi, np.where(theirs, around, chi), shell


def spread(image: np.ndarray, mask: np.ndarray, shell: np.ndarray) -> float:
    """Return the root mean square in ppb within the shell, relative to the mask's mean."""
    return float(1e3 * np.sqrt(np.mean((image[shell] - image[mask].mean()) ** 2)))


def main() -> None:
    """Print a line a head, noise level and method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=float, default=2.0, help="voxel edge in mm")
    parser.add_argument("--heads", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    methods = ["tkd", "tv", "medi", "uqsm", "dcnet", "dcnet-tv"]
    parser.add_argument("--methods", nargs="+", default=methods, choices=list(METHODS))
    asked = parser.parse_args()
    print("head noise, ppb method      shadow, ppb  error, ppb")
    for number in range(asked.heads):
        head = simulated(asked.size, number)
        mask = head.brain_mask[bounding_box(head.brain_mask)]
        with_lesions, without, shell = two(head)
        dipole = DipoleConvolution(mask.shape, head.voxel_size, head.b0_dir, 32)
        magnitude = head.magnitude[0][bounding_box(head.brain_mask)]
        for level in NOISES:
            noise = np.random.default_rng(number).normal(0, level, mask.shape)
            for method in asked.methods:
                maps = []
                for chi in (with_lesions, without):
                    centred = np.where(mask, chi - chi[mask].mean(), 0).astype(np.float32)
                    field = np.where(mask, dipole(centred) + noise, 0).astype(np.float32)
                    with sf.set_workers(asked.threads):
                        found = invert(
                            field, mask, voxel_size=head.voxel_size, b0_dir=head.b0_dir,
                            magnitude=magnitude, method=method,
                        )  # fmt: skip
                    maps.append(found)
                shadow = maps[0] - maps[1] - (with_lesions - without)
                figures = (spread(i, mask, shell) for i in (shadow, maps[0] - with_lesions))
                print(f"{number:4} {1e3 * level:10g} {method:12}", *(f"{f:11.1f}" for f in figures))


if __name__ == "__main__":
    main()
