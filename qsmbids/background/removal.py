"""One door to every method of background removal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qsmbids.background.background_methods import DEFAULT, METHODS
from qsmbids.background.unreliable import trusted
from qsmbids.checks import check_field, check_geometry
from qsmbids.physics import Problem, bounding_box


class LocalField(NamedTuple):
    """A local field and where it is valid.

    Attributes
    ----------
    field : (x, y, z) float32 array
        Local field in ppm of B0, zero outside ``mask``.
    mask : (x, y, z) bool array
        Where the local field is valid: a subset of the mask that came in.
    """

    field: NDArray[np.float32]
    mask: NDArray[np.bool_]


def remove_background(
    field: ArrayLike,
    mask: ArrayLike,
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float] = (0, 0, 1),
    method: str = DEFAULT,
    weight: ArrayLike | None = None,
    **options: Any,
) -> LocalField:
    """Return the part of ``field`` whose sources lie inside ``mask``.

    Sources outside make a field that is harmonic inside, which every method finds and takes
    off. A constant susceptibility all over the mask makes a harmonic field as well: it cannot
    be told from the background and goes with it.

    Parameters
    ----------
    field : (x, y, z) array_like
        Total field in ppm of B0.
    mask : (x, y, z) array_like
        Where the field is known.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.
    b0_dir : (3,) sequence of float
        B0 along the voxel axes.
    method : str
        A name in ``METHODS``.
    weight : (x, y, z) array_like, optional
        Confidence in each voxel's field, 0 to 1, proportional to 1/noise; uniform by default.
        Voxels of weight near zero hold no information: those at the mask's surface are taken
        off the mask, those enclosed stay and what stands in the field there does not matter.
    **options
        The method's own options.

    Returns
    -------
    LocalField
        The local field in ppm and the mask in which it is valid.

    Raises
    ------
    ValueError
        If shapes differ, the mask is empty, the field is zero or not finite in the mask, the
        weight is negative, or nothing is left of the mask after erosion.
    UsageError
        If the method or one of its options does not exist.
    """
    field = np.asarray(field, dtype=np.float32)
    known: NDArray[np.bool_] = np.asarray(mask) != 0
    check_geometry(voxel_size, b0_dir)
    confidence = None if weight is None else np.asarray(weight, dtype=np.float32)
    if confidence is not None and confidence.shape == field.shape:
        field = np.where(confidence == 0, np.float32(0), field)
    check_field(field, known, confidence)
    entry = METHODS[method]
    chosen = entry.resolve(options)
    if confidence is not None:
        known = trusted(known, confidence)
    box = bounding_box(known, margin=(1, 1, 1))
    known = known[box]
    local, valid = entry.load()(
        Problem(
            np.where(known, field[box], np.float32(0)),
            known,
            tuple(voxel_size),
            tuple(b0_dir),
            None if confidence is None else confidence[box] * known,
        ),
        **chosen,
    )
    if not valid.any():
        raise ValueError(f"nothing is left of the mask after erosion by {entry.label}")
    result = LocalField(np.zeros(field.shape, np.float32), np.zeros(field.shape, bool))
    result.mask[box] = valid
    result.field[box] = np.where(valid, local, 0)
    return result
