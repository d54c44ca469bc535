"""Where the voxels of an image lie, and whether two images share them."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from qsmbids.errors import InputError
from qsmbids.physics.placement import Placement, in_millimetres, place


@dataclass(frozen=True)
class Grid:
    """Shape and affine of a checked volume, and the name it has for the user."""

    name: str
    shape: tuple[int, ...]
    affine: NDArray[np.float64]
    oriented: bool

    def difference(self, other: Grid) -> str | None:
        """Say how this grid differs from ``other``, or return None.

        Corners that lie within a tenth of a voxel of each other are the same: exporters round.
        """
        if self.shape != other.shape:
            return f"{by(self.shape)} voxels against {by(other.shape)}"
        corners = np.array([*itertools.product(*((0, n - 1) for n in self.shape))])
        moved = (self.affine - other.affine) @ np.c_[corners, np.ones(len(corners))].T
        distance = float(np.linalg.norm(moved[:3], axis=0).max())
        edge = float(np.linalg.norm(self.affine[:3, :3], axis=0).min())
        return f"affines {distance:.2g} mm apart" if distance > 0.1 * edge else None


def check_same_grid(grid: Grid, reference: Grid, remedy: str) -> None:
    """Raise InputError if ``grid`` is not ``reference``'s."""
    difference = grid.difference(reference)
    if difference:
        raise InputError(
            f"{grid.name} lies on another grid than {reference.name} ({difference}); {remedy}."
        )


def placement_of(image: Any) -> Placement:
    """Return the affine of a NIfTI image in mm, B0 where another matrix tells it, and doubts.

    Parameters
    ----------
    image : nibabel image

    Raises
    ------
    ValueError
        If the voxels are of no possible size, or not at right angles.
    """
    header = image.header
    unit = _unit(header)
    affine, doubts = in_millimetres(image.affine, unit)
    codes = int(header["sform_code"]), int(header["qform_code"])
    other = None
    if all(code > 0 for code in codes):
        with contextlib.suppress(HeaderDataError):  # a qform that is no rotation is not used
            other, _ = in_millimetres(image.get_qform(), unit)
    found = place(affine, other, codes)
    return found._replace(warnings=doubts + found.warnings)


def _unit(header: Any) -> str:
    """Return the unit of length that a header states; a code that stands for none is no unit."""
    try:
        return str(header.get_xyzt_units()[0])
    except KeyError:
        return "unknown"


def by(shape: tuple[int, ...]) -> str:
    """Write a shape as people read it: ``64 x 64 x 32``."""
    return " x ".join(map(str, shape))
