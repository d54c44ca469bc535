"""Brain masks on heads: agreement with given masks, seconds and memory.

FOLDER holds ``images/*_mag.nii.gz`` and ``masks/NAME_brain.nii.gz``, where an image's name begins
with NAME. Without a folder it measures simulated heads with air sinuses alone.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from benchmarks.heads import random_head
from qsmbids.errors import QsmbidsError
from qsmbids.masking import brain_mask

Image = tuple[str, np.ndarray, np.ndarray, np.ndarray]
"""Name, first magnitude, affine, brain."""


def main() -> None:
    """Print a row for each image and method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--method", nargs="+", default=["network"])
    parser.add_argument("--simulated", type=int, default=2, help="how many heads to simulate")
    asked = parser.parse_args()
    print("image | method | ml | reference ml | Dice | 95 % distance mm | s | warnings")
    for name, image, affine, reference in images(asked.folder, asked.simulated):
        edges = np.sqrt((affine[:3, :3] ** 2).sum(0))
        for method in asked.method:
            begun = time.perf_counter()
            try:
                found = brain_mask(image, voxel_size=edges, affine=affine, method=method)
            except QsmbidsError as error:
                print(name, method, error, sep=" | ")
                continue
            took = time.perf_counter() - begun
            both = (found.mask, reference)
            volumes = [f"{mask.sum() * np.prod(edges) / 1000:.0f}" for mask in both]
            scores = f"{dice(*both):.3f}", f"{surface_distance(*both, edges):.1f}", f"{took:.1f}"
            said = "; ".join(found.warnings) or "-"
            print(name, method, *volumes, *scores, said, sep=" | ", flush=True)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Return the Dice coefficient of two masks."""
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def surface_distance(one: np.ndarray, other: np.ndarray, edges: np.ndarray) -> float:
    """Return the 95th percentile of the distances between two masks' surfaces in mm."""
    one, other = (mask & ~ndimage.binary_erosion(mask) for mask in (one, other))
    found = [
        ndimage.distance_transform_edt(~second, sampling=edges)[first]
        for first, second in ((one, other), (other, one))
    ]
    return float(np.quantile(np.concatenate(found), 0.95))


def images(folder: Path | None, simulated: int) -> Iterator[Image]:
    """Yield the images of the folder, then simulated ones."""
    for path in sorted((folder / "images").glob("*_mag.nii.gz")) if folder else ():
        volume = nib.load(path)
        values = np.asarray(volume.dataobj, np.float32)
        image = values if values.ndim == 3 else values.reshape(*values.shape[:3], -1)[..., 0]
        stem = path.name.split("_")[0]
        mask = np.asarray(nib.load(folder / "masks" / f"{stem}_brain.nii.gz").dataobj) > 0
        yield path.name.removesuffix(".nii.gz"), image, volume.affine, mask.reshape(image.shape)
    for number in range(simulated):
        head = random_head(2.0, number, tilt=(10.0 * number, 0.0), echo_times=(0.005,), snr=60)
        yield f"simulated {number}", head.magnitude[0], head.affine, head.brain_mask


if __name__ == "__main__":
    main()
