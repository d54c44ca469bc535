"""What background removal keeps of a measured head, and what its local field looks like.

Run as ``python benchmarks/real_background.py FIELD MASK MAGNITUDE --field-strength 3`` with a total
field in Hz, or with a stored phase difference of -4096..4096 and ``--echo-spacing`` in seconds.
Prints a line a method and writes a figure of local fields (+-0.05 ppm) and maps (+-0.15 ppm).
"""

from __future__ import annotations

import argparse

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np

from qsmbids.background import METHODS, remove_background
from qsmbids.inversion import invert
from qsmbids.phase import unwrap
from qsmbids.physics import b0_direction, hz_per_ppm, voxel_size


def read(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the voxels and the affine of a volume, axes towards right, anterior, superior."""
    image = nib.as_closest_canonical(nib.load(path))
    return image.get_fdata(dtype=np.float32), image.affine


def main() -> None:
    """Print one line a method."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("field", "mask", "magnitude"):
        parser.add_argument(name)
    parser.add_argument("--field-strength", type=float, required=True, help="in tesla")
    parser.add_argument("--echo-spacing", type=float, help="of a phase difference, in seconds")
    parser.add_argument("--methods", nargs="+", default=["resharp", "jdf"], choices=list(METHODS))
    parser.add_argument("--inversion", default="tv")
    parser.add_argument("--out", default="real_background.png")
    asked = parser.parse_args()
    (field, affine), (inside, _), (magnitude, _) = map(
        read, (asked.field, asked.mask, asked.magnitude)
    )
    mask = inside > 0.5
    how = {"voxel_size": voxel_size(affine), "b0_dir": b0_direction(affine)}
    if asked.echo_spacing:
        phase = unwrap(field * np.float32(np.pi / 4096), mask, voxel_size=how["voxel_size"])
        field = phase / np.float32(2 * np.pi * asked.echo_spacing)
    weight = np.clip(magnitude * mask / np.percentile(magnitude[mask], 99), 0, 1)
    columns = []
    for method in asked.methods:
        ppm = field / np.float32(hz_per_ppm(asked.field_strength))
        local = remove_background(ppm, mask, weight=weight, method=method, **how)
        chi = invert(local.field, local.mask, weight=weight, method=asked.inversion, **how)
        kept = 100 * local.mask.sum() / mask.sum()
        spread = 1e3 * local.field[local.mask].std()
        print(f"{method:10} kept {kept:5.1f} %  local field {spread:5.1f} ppb", flush=True)
        columns += [(f"{method} field", local.field, 0.05), (method, chi, 0.15)]
    where = np.flatnonzero(mask.any(axis=(0, 1)))
    slices = np.quantile(where, (0.2, 0.4, 0.6, 0.8)).astype(int)
    _, axes = plt.subplots(len(slices), len(columns), squeeze=False)
    for row, z in zip(axes, slices, strict=True):
        for axis, (title, image, limit) in zip(row, columns, strict=True):
            axis.imshow(image[:, :, z].T, origin="lower", cmap="gray", vmin=-limit, vmax=limit)
            axis.set_axis_off()
            axis.set_title(title, fontsize=7)
    plt.savefig(asked.out, dpi=120)


if __name__ == "__main__":
    main()
