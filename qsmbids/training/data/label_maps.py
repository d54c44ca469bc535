"""Label maps of whole heads: ``python -m qsmbids.training.data.label_maps IMAGE BRAIN OUT``.

A T1-weighted head and its brain mask become regions of like tissue, from which images of any
contrast are synthesised. The names of tissues are guides only: the classes are those that the
intensities show.
"""

from __future__ import annotations

import argparse
import sys
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

EDGE = 1.5
"""Voxel edge of label maps in mm."""
FOLDER = Path(str(files("qsmbids"))) / "data" / "heads"
"""The label maps that the package ships; LICENSES.md there says where they come from."""
AIR, CSF, GREY, WHITE, BONE, CAVITY = range(6)
"""Labels; CAVITY is what is dark and far from the brain: sinuses, airways, jaw."""
NEAR, FAR = (6, 7, 8, 9), (10, 11, 12, 13)
"""Labels of soft tissues outside the brain from dark to bright, near the brain and far from it."""
BRAIN = (CSF, GREY, WHITE)
_IMAGE = "_image.nii.gz"
REACH = 15.0
"""How far from the brain, in mm, skull and scalp are near."""


class LabelMap(NamedTuple):
    """A whole head.

    Attributes
    ----------
    labels : (x, y, z) uint8 array
        Axes to right, anterior, superior; edge `EDGE`.
    distance : (x, y, z) float32 array
        Signed distance to the brain's surface in mm, negative inside.
    outward : (3, x, y, z) float32 array
        The distance's gradient.
    image : (x, y, z) float32 array or None
        The image that it was made from, 0 to 1, where it stands beside it.
    """

    labels: NDArray[np.uint8]
    distance: NDArray[np.float32]
    outward: NDArray[np.float32]
    image: NDArray[np.float32] | None = None


def make_labels(
    image: NDArray[np.float32], brain: NDArray[np.bool_], edge: float = EDGE
) -> NDArray[np.uint8]:
    """Return the label map of a T1-weighted head.

    Parameters
    ----------
    image : (x, y, z) float32 array
        The head on isotropic voxels.
    brain : (x, y, z) bool array
        Its brain.
    edge : float
        The voxels' edge in mm.
    """
    tissue = float(np.median(image[brain]))
    head = ndimage.binary_closing(image > 0.15 * tissue, iterations=round(12 / edge))
    head = ndimage.binary_fill_holes(head | brain)
    head = ndimage.binary_opening(head, iterations=round(4 / edge)) | brain
    labels = np.zeros(image.shape, np.uint8)
    order = _clusters(image[brain], 3)
    labels[brain] = np.array(BRAIN, np.uint8)[order]
    near = ndimage.distance_transform_edt(~brain, sampling=edge) < REACH
    dark = image < 0.35 * tissue
    outside = head & ~brain
    labels[outside & dark & near] = BONE
    labels[outside & dark & ~near] = CAVITY
    for soft, place in ((NEAR, near), (FAR, ~near)):
        where = outside & ~dark & place
        if where.any():
            labels[where] = np.array(soft, np.uint8)[_clusters(image[where], len(soft))]
    return labels


def _clusters(values: NDArray[np.float32], count: int) -> NDArray[np.int_]:
    """Return each value's class, from dark to bright (k-means in one dimension)."""
    centres = np.quantile(values, (np.arange(count) + 0.5) / count)
    for _ in range(50):
        cuts = (centres[1:] + centres[:-1]) / 2
        own = np.searchsorted(cuts, values)
        sums = np.bincount(own, values, count)
        centres = np.sort(sums / np.maximum(np.bincount(own, minlength=count), 1))
    return np.asarray(np.searchsorted((centres[1:] + centres[:-1]) / 2, values))


@lru_cache(maxsize=8)
def load(path: Path) -> LabelMap:
    """Return the label map in a file, with its distances."""
    import nibabel as nib

    labels = np.asarray(nib.load(path).dataobj, np.uint8)  # type: ignore[attr-defined]
    brain = np.isin(labels, BRAIN)
    brain = ndimage.binary_fill_holes(brain)
    away = ndimage.distance_transform_edt(~brain, sampling=EDGE)
    depth = ndimage.distance_transform_edt(brain, sampling=EDGE)
    distance = (away - depth + np.where(brain, EDGE / 2, -EDGE / 2)).astype(np.float32)
    smooth = ndimage.gaussian_filter(distance, 2)
    outward = np.stack([np.gradient(smooth, EDGE, axis=axis) for axis in range(3)])
    beside = image_beside(path)
    image = None
    if beside.is_file():
        image = np.asarray(nib.load(beside).dataobj, np.float32) / np.float32(255)  # type: ignore[attr-defined]
    return LabelMap(labels, distance, outward.astype(np.float32), image)


def image_beside(path: Path) -> Path:
    """Return where the image that a label map was made from stands, if it was kept."""
    return path.with_name(path.name.replace(".nii.gz", _IMAGE))


def label_map_files(folder: Path = FOLDER) -> list[Path]:
    """Return the label maps in a folder, by name."""
    return sorted(path for path in folder.glob("*.nii.gz") if not path.name.endswith(_IMAGE))


def main() -> int:
    """Make one label map; return the exit code."""
    import nibabel as nib
    from nibabel.processing import resample_to_output

    parser = argparse.ArgumentParser(prog="python -m qsmbids.training.data.label_maps")
    parser.add_argument("image", type=Path, help="T1-weighted image of a whole head")
    parser.add_argument("brain", type=Path, help="its brain mask on the same grid")
    parser.add_argument("out", type=Path, help="label map to write (.nii.gz)")
    parser.add_argument("--keep-image", action="store_true", help="write the image beside it")
    asked = parser.parse_args()
    on_grid = []
    for path, order in ((asked.image, 1), (asked.brain, 1)):
        given = nib.as_closest_canonical(nib.load(path))  # type: ignore[no-untyped-call]
        given = nib.Nifti1Image(np.squeeze(np.asarray(given.dataobj, np.float32)), given.affine)  # type: ignore[no-untyped-call]
        on_grid.append(resample_to_output(given, (EDGE,) * 3, order=order))  # type: ignore[no-untyped-call]
    image, brain = (np.asarray(volume.dataobj, np.float32) for volume in on_grid)
    labels = make_labels(image, brain > 0.5)
    box = ndimage.find_objects((labels > 0).astype(np.uint8))[0]
    shift = np.eye(4)
    shift[:3, 3] = [part.start for part in box]
    made = nib.Nifti1Image(labels[box], on_grid[0].affine @ shift)  # type: ignore[no-untyped-call]
    nib.save(made, asked.out)
    if asked.keep_image:
        grey = np.clip(255 * image[box] / np.quantile(image[labels > 0], 0.995), 0, 255)
        kept = nib.Nifti1Image(np.rint(grey).astype(np.uint8), made.affine)  # type: ignore[no-untyped-call]
        nib.save(kept, image_beside(asked.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
