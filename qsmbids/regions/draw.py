"""Drawing the atlas that the package ships, on the template that nilearn ships."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from qsmbids.regions.parcellation import SIDES
from qsmbids.simulation.atlas import Sampled, load_atlas, sample_atlas
from qsmbids.simulation.cerebrum import dentate, nuclei
from qsmbids.simulation.head_grid import Grid
from qsmbids.simulation.solids import Placed, ellipsoid

Labels = NDArray[np.uint8]

NUCLEI = (
    *("caudate", "putamen", "pallidum", "thalamus", "substantia nigra", "red nucleus", "dentate"),
)
NAMES = {
    **{
        2 * n + s + 1: f"{side} {one}"
        for n, one in enumerate(NUCLEI)
        for s, side in enumerate(SIDES)
    },
    15: "splenium",
    16: "csf",
}
"""Names of the atlas's labels."""


def draw() -> tuple[Labels, NDArray[np.float64]]:
    """Return the labels of `NAMES` on the 1 mm grid of MNI152NLin2009aSym, and its affine.

    Each nucleus is a solid at its place, cut to shape by the template's intensities, as in the
    simulated heads. The splenium is white matter in an ellipsoid behind the thalami; csf is the
    inside of the lateral ventricles, without the voxels at their walls.
    """
    atlas = load_atlas()
    grid = Grid(
        [o + np.arange(n, dtype=float) for o, n in zip(atlas.origin, atlas.t1.shape, strict=True)]
    )
    maps = sample_atlas(grid)
    labels = np.zeros(grid.shape, np.uint8)
    for number, side in enumerate((-1, 1)):
        solids = {name: _cut(*one) for name, one in nuclei(grid, maps, side).items()}
        solids["dentate"] = dentate(grid, side)
        for index, name in enumerate(NUCLEI):
            _paint(labels, solids[name], 2 * index + number + 1)
    _paint(labels, _splenium(grid, maps), 15)
    labels[_ventricles(grid, maps) & (labels == 0)] = 16
    affine = np.eye(4)
    affine[:3, 3] = atlas.origin
    return labels, affine


def _cut(placed: Placed | None, by: NDArray[np.float32]) -> Placed | None:
    return placed and (placed[0], placed[1] * by[placed[0]])


def _paint(labels: Labels, placed: Placed | None, label: int) -> None:
    if placed is not None:
        box, share = placed
        labels[box][share > 0.5] = label


def _splenium(grid: Grid, maps: Sampled) -> Placed | None:
    placed = ellipsoid(grid, (0, -39, 14), (13, 8, 9))
    return placed and (placed[0], placed[1] * (maps.wm[placed[0]] > 0.75))


def _ventricles(grid: Grid, maps: Sampled) -> NDArray[np.bool_]:
    """Return the fluid of the lateral ventricles without the voxels at their walls."""
    x, y, z = grid.coordinates
    near = (np.abs(x) < 32) & (y > -46) & (y < 34) & (z > 0) & (z < 30)
    # neither the third ventricle nor the cistern behind it
    near &= (np.abs(x) > np.where(y < -22, 14, 2)) | (z > 20)
    fluid = (maps.t1 > 0.15) & (maps.t1 < 0.42) & near
    return np.asarray(ndimage.binary_erosion(fluid))
