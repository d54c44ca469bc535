"""Where an image lies, by the matrices and the unit of its header."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qsmbids.physics.geometry import Vector, b0_direction, voxel_size

SCANNER = 1
"""The code of an sform or qform that leads to the scanner's own axes."""

_EDGES = (0.02, 50.0)  # mm, the smallest and the largest voxel that an image of a head has
_TO_MM = {"meter": 1000.0, "mm": 1.0, "micron": 0.001}
_SAME_B0, _SAME_SIZE = 1.0, 0.01  # degrees, share of the edge


class Placement(NamedTuple):
    """Where an image lies.

    Attributes
    ----------
    affine : (4, 4) float array, voxel to world in mm.
    b0_dir : B0 along the voxel axes where another matrix than ``affine`` tells it, else None.
    rule : what was chosen, as a sentence; empty where there was nothing to choose.
    warnings : sentences.
    """

    affine: NDArray[np.float64]
    b0_dir: Vector | None = None
    rule: str = ""
    warnings: tuple[str, ...] = ()


def place(
    affine: ArrayLike, other: ArrayLike | None = None, codes: Sequence[int] = (0, 0)
) -> Placement:
    """Choose between an image's two matrices.

    Parameters
    ----------
    affine : (4, 4) array_like
        The one that places the image: the sform if it has a code, else the qform. In mm.
    other : (4, 4) array_like, optional
        The qform, where both have a code.
    codes : (2,) sequence of int
        Those of sform and qform: 1 leads to the scanner's axes, larger ones to those of another
        image or a template.

    Raises
    ------
    ValueError
        If a matrix is sheared.

    Notes
    -----
    B0 is along the scanner's third axis. It is therefore taken from the matrix that leads there:
    a sform that a registration wrote places the maps, but does not tell B0.
    """
    first = np.asarray(affine, dtype=float)
    if other is None:
        return Placement(first)
    second = np.asarray(other, dtype=float)
    edges = np.array(voxel_size(first)), np.array(voxel_size(second))
    away = np.abs(first - second)
    if (away[:3, :3] <= 1e-3 * edges[0]).all() and (away[:3, 3] <= 0.1 * edges[0].min()).all():
        return Placement(first)
    ours, theirs = b0_direction(first), b0_direction(second)
    angle = _degrees_between(ours, theirs)
    swap = codes[0] != SCANNER and codes[1] == SCANNER
    rule = (
        f"sform (code {codes[0]}) and qform (code {codes[1]}) disagree: the sform places the maps"
    )
    warnings = []
    if angle > _SAME_B0:
        one, left = ("qform", "sform") if swap else ("sform", "qform")
        warnings.append(
            f"{rule}; B0's direction was taken from the {one}, {angle:.1f} degrees from that of "
            f"the {left}. Where that is wrong, mend the header."
        )
    if np.abs(edges[0] / edges[1] - 1).max() > _SAME_SIZE:
        warnings.append(
            f"The voxel size was taken from the sform, {_sizes(edges[0])} mm; the qform says "
            f"{_sizes(edges[1])} mm."
        )
    apart = f", which gives the same direction of B0 within {_SAME_B0:g} degree"
    return Placement(
        first,
        theirs if swap and angle > _SAME_B0 else None,
        "" if angle > _SAME_B0 else f"{rule}{apart}.",
        tuple(warnings),
    )


def in_millimetres(affine: ArrayLike, unit: str) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return an affine in mm, and a warning where the header's unit cannot be right.

    Parameters
    ----------
    affine : (4, 4) array_like
    unit : {"meter", "mm", "micron", "unknown"}
        What the header states.

    Raises
    ------
    ValueError
        If the voxels have a size that no image of a head has.
    """
    matrix = np.array(affine, dtype=float)
    factor = _TO_MM.get(unit, 1.0)
    edges = [float(edge) for edge in np.linalg.norm(matrix[:3, :3], axis=0)]
    if _plausible(edges, factor):
        matrix[:3] *= factor
        return matrix, ()
    if not _plausible(edges, 1.0):
        raise ValueError(
            f"the voxel size is {_sizes(edges)} {'mm' if factor == 1 else unit}, which is none of "
            "an image of a head; state the true unit in the header (xyzt_units)"
        )
    return matrix, (
        f"The header says that the voxel size of {_sizes(edges)} is in {unit}, which cannot be; it "
        "was read as mm.",
    )


def _plausible(edges: Sequence[float], factor: float) -> bool:
    return _EDGES[0] <= factor * min(edges) and factor * max(edges) <= _EDGES[1]


def _degrees_between(one: Vector, other: Vector) -> float:
    """Return the angle between two directions whose signs do not count."""
    cosine = abs(sum(a * b for a, b in zip(one, other, strict=True)))
    return float(np.degrees(np.arccos(min(1.0, cosine))))


def _sizes(edges: ArrayLike) -> str:
    return " x ".join(f"{edge:.4g}" for edge in np.asarray(edges))
