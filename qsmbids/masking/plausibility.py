"""Whether a brain mask looks like a brain's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from qsmbids.array_types import Mask
from qsmbids.masking.grids import CubicGrid
from qsmbids.masking.result import ExtractionError

LEAST_ML = 80.0
"""Less than that is no brain, not even a slab of one."""
USUAL_ML = (750.0, 2200.0)
"""Volume of a whole brain with its fluid, from a small child's to a large man's."""
_EDGE = 4.0  # mm, of the grid on which shapes are compared
_WHOLE = 0.05  # of a brain's surface lies at the border of the field of view, at most, if whole
_REMEDY = (
    "look at it on the page and, if it is wrong, give one with --derivatives or choose another "
    "--brain-extraction."
)


def demand_brain(mask: Mask, voxel_size: Sequence[float]) -> None:
    """Raise `ExtractionError` if a mask holds too little to be a brain's."""
    volume = np.count_nonzero(mask) * float(np.prod(voxel_size)) / 1000
    if volume < LEAST_ML:
        raise ExtractionError(
            f"No brain was found in the magnitude ({volume:.0f} ml look like one); give a mask "
            "with --derivatives or, for a phantom or a part of the body, take every voxel with "
            "signal with --brain-extraction none."
        )


def doubts(
    mask: Mask,
    *,
    voxel_size: Sequence[float],
    affine: NDArray[np.float64],
    every: Mask | None = None,
    agreement: float = 1.0,
) -> tuple[str, ...]:
    """Return what makes a brain mask doubtful, a sentence each, with what to do.

    Parameters
    ----------
    mask : (x, y, z) bool array
        The mask.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.
    affine : (4, 4) array
        From voxel indices to scanner millimetres.
    every : (x, y, z) bool array, optional
        All that looked like brain, also apart from the mask.
    agreement : float
        Dice coefficient of the masks of the image and of its mirror image.
    """
    reasons = list(_reasons(mask, voxel_size, affine, every, agreement))
    return tuple(f"The brain mask is doubtful: {reason}; {_REMEDY}" for reason in reasons)


def _reasons(
    mask: Mask,
    voxel_size: Sequence[float],
    affine: NDArray[np.float64],
    every: Mask | None,
    agreement: float,
) -> Iterator[str]:
    volume = np.count_nonzero(mask) * float(np.prod(voxel_size)) / 1000
    whole = at_border(mask) < _WHOLE
    if volume > USUAL_ML[1] or (whole and volume < USUAL_ML[0]):
        usual = f"{USUAL_ML[0]:.0f} to {USUAL_ML[1]:.0f} ml"
        yield f"its volume is {volume:.0f} ml where whole brains have {usual}"
    if every is not None and (apart := _second_share(every)) > 0.1:
        yield f"a second piece of {100 * apart:.0f} % of its size looks like brain, too"
    if agreement < 0.9:
        yield f"the image and its mirror image give different masks (Dice {agreement:.2f})"
    grid = CubicGrid.over(mask.shape, voxel_size, affine, _EDGE)
    small = grid.sample(mask.astype(np.float32)) > 0.5
    if small.sum() < 100:
        return
    if whole and (roundness := _roundness(small)) > 0.93:
        yield f"it is nearly a ball (its smallest extent is {100 * roundness:.0f} % of its largest)"
    if (uneven := asymmetry(small)) > 0.2:
        yield f"left and right differ by {100 * uneven:.0f} %"


def at_border(mask: Mask) -> float:
    """Return the share of a mask's surface that the border of the field of view cuts."""
    cut = sum(
        int(np.count_nonzero(np.take(mask, end, axis))) for axis in range(3) for end in (0, -1)
    )
    surface = np.count_nonzero(mask & ~ndimage.binary_erosion(mask))
    return cut / max(int(surface), 1)


def _second_share(every: Mask) -> float:
    """Return the size of the second largest piece relative to the largest."""
    labels, count = ndimage.label(every)
    if count < 2:
        return 0.0
    sizes = np.sort(np.bincount(labels.ravel())[1:])
    return float(sizes[-2] / sizes[-1])


def _roundness(mask: Mask) -> float:
    """Return the ratio of the smallest to the largest standard deviation over directions."""
    places = np.argwhere(mask).astype(float)
    spread = np.sqrt(np.linalg.eigvalsh(np.cov(places.T)))
    return float(spread[0] / spread[-1])


def asymmetry(mask: Mask) -> float:
    """Return one minus the best Dice coefficient of a mask with its mirror image.

    Parameters
    ----------
    mask : (x, y, z) bool array
        On cubic voxels, the first axis from left to right; it may be tilted.

    Returns
    -------
    float
        0 for what is the same on both sides of some plane that is about sagittal.
    """
    from scipy.spatial.transform import Rotation  # as much to import as all else here

    mask = np.pad(mask, 1)  # so that what lies beyond is taken for the border, which is empty
    places = np.argwhere(mask).astype(np.float32)
    middle = places.mean(0)
    best = 0.0
    for turn in np.deg2rad(np.arange(-24, 25, 8.0)):
        for roll in np.deg2rad(np.arange(-24, 25, 8.0)):
            normal = Rotation.from_euler("zy", [turn, roll]).as_matrix()[:, 0].astype(np.float32)
            away = (places - middle) @ normal
            # the plane halves the mask, wherever one side has lost something
            mirrored = places - 2 * np.outer(away - np.median(away), normal)
            index = np.rint(mirrored).astype(np.intp)
            found = mask.ravel()[np.ravel_multi_index(tuple(index.T), mask.shape, mode="clip")]
            best = max(best, float(found.mean()))
    return 1 - best
