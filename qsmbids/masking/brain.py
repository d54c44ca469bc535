"""Brain extraction: every method by one name and with one signature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qsmbids.errors import InputError
from qsmbids.masking.morphology import Mask
from qsmbids.masking.signal import positive, signal_mask
from qsmbids.registry import Method, Registry

METHODS = Registry(
    "brain extraction",
    {
        "template": Method(
            "qsmbids.masking.template:template",
            "Template surface",
            "by fitting the surface of the MNI152 template's brain to the magnitude",
            ("cootes1995", "smith2002", "fonov2011"),
        ),
        "none": Method(
            "qsmbids.masking.brain:signal",
            "Signal threshold",
            "as every voxel with signal, by Otsu's threshold",
            ("otsu1979",),
        ),
    },
)


class ExtractionError(InputError):
    """The brain cannot be told from its surroundings in this image."""


class BrainMask(NamedTuple):
    """A brain mask and how it came about.

    Attributes
    ----------
    mask : (x, y, z) bool array
        True inside the brain.
    method : str
        The name in ``METHODS`` of the method that made it.
    warnings : tuple of str
        Sentences for the report.
    """

    mask: Mask
    method: str
    warnings: tuple[str, ...]


def brain_mask(
    magnitude: ArrayLike,
    *,
    voxel_size: Sequence[float],
    affine: ArrayLike,
    method: str = "auto",
) -> BrainMask:
    """Find the brain in the magnitude of a gradient-echo scan.

    Parameters
    ----------
    magnitude : (x, y, z) array_like
        First echo, or root sum of squares over echoes.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.
    affine : (4, 4) array_like
        From voxel indices to scanner millimetres (right, anterior, superior).
    method : str
        A name in ``METHODS``, or ``"auto"`` for ``"template"``.

    Returns
    -------
    BrainMask
        Where the brain cannot be extracted (a field of view too small, an implausible result):
        every voxel with signal, and a warning that says why.

    Raises
    ------
    ValueError
        If a shape or the voxel size is wrong.
    InputError
        If the magnitude holds no positive value.
    UsageError
        If the method does not exist.
    """
    name = "template" if method == "auto" else method
    extract = METHODS[name].load()
    values = positive(magnitude)
    matrix = np.asarray(affine, dtype=float)
    if matrix.shape != (4, 4):
        raise ValueError(f"the affine's shape is {matrix.shape}; (4, 4) is needed")
    if len(voxel_size) != 3 or not all(edge > 0 for edge in voxel_size):
        raise ValueError(f"the voxel size {tuple(voxel_size)} is not three positive lengths in mm")
    edges = tuple(float(edge) for edge in voxel_size)
    try:
        return BrainMask(extract(values, voxel_size=edges, affine=matrix), name, ())
    except ExtractionError as error:
        mask = signal(values, voxel_size=edges, affine=matrix)
        return BrainMask(mask, "none", (f"{error} Every voxel with signal was taken instead.",))


def signal(
    magnitude: NDArray[np.float32], *, voxel_size: Sequence[float], affine: NDArray[np.float64]
) -> Mask:
    """Return every voxel with signal; see :func:`qsmbids.masking.signal_mask`."""
    return signal_mask(magnitude)
