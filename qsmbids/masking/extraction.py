"""Brain extraction: every method by one name and with one signature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qsmbids.array_types import Mask
from qsmbids.masking.masking_methods import METHODS
from qsmbids.masking.plausibility import demand_brain, doubts
from qsmbids.masking.result import Extraction
from qsmbids.masking.threshold import positive, signal_mask
from qsmbids.physics.morphology import fill_holes, largest_component

_LEAST_ZEROS = 0.2  # of the voxels of a stripped image
_SAME = 0.88  # Dice coefficient of brain and signal; a defaced head has 0.8 at most


class BrainMask(NamedTuple):
    """A brain mask and how it came about.

    Attributes
    ----------
    mask : (x, y, z) bool array
        True inside the brain.
    method : str
        The name in ``METHODS`` of the method that made it.
    warnings : tuple of str
        What makes it doubtful, with what to do.
    details : mapping
        For the sidecar: weights, volume.
    """

    mask: Mask
    method: str
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = {}


def brain_mask(
    magnitude: ArrayLike,
    *,
    voxel_size: Sequence[float],
    affine: ArrayLike,
    method: str = "auto",
    **options: Any,
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
        A name in ``METHODS``, or ``"auto"`` for ``"network"``.
    **options
        Of the method: ``border``, how many mm outside of the surface found the mask ends, negative
        for inside; ``weights``, of the network.

    Returns
    -------
    BrainMask
        One piece without holes; with warnings where it is implausible.

    Raises
    ------
    ValueError
        If a shape or the voxel size is wrong.
    InputError
        If the magnitude holds no positive value, or no brain is found in it.
    UsageError
        If the method does not exist, is not installed, or has no such option.
    """
    name = "network" if method == "auto" else method
    extract, chosen = METHODS[name].load(), METHODS[name].resolve(options)
    values = positive(magnitude)
    matrix = np.asarray(affine, dtype=float)
    if matrix.shape != (4, 4):
        raise ValueError(f"the affine's shape is {matrix.shape}; (4, 4) is needed")
    if len(voxel_size) != 3 or not all(edge > 0 for edge in voxel_size):
        raise ValueError(f"the voxel size {tuple(voxel_size)} is not three positive lengths in mm")
    edges = tuple(float(edge) for edge in voxel_size)
    found: Extraction = extract(values, voxel_size=edges, affine=matrix, **chosen)
    inside = found.distance < 0
    if name == "none":
        return BrainMask(inside, name)
    mask = fill_holes(largest_component(inside))
    own = _stripped(values, mask)
    if own is not None:
        mask = inside = own
    demand_brain(mask, edges)
    told = doubts(mask, voxel_size=edges, affine=matrix, every=inside, agreement=found.agreement)
    details = {**found.details, **({"AlreadyStripped": True} if own is not None else {})}
    volume = round(float(np.count_nonzero(mask) * np.prod(edges)) / 1000)
    return BrainMask(mask, name, told, {**details, "VolumeMl": volume})


def _stripped(magnitude: NDArray[np.float32], mask: Mask) -> Mask | None:
    """Return where an image has signal if, by the mask, that is the brain alone; else None."""
    if not mask.any() or np.mean(magnitude == 0) < _LEAST_ZEROS:
        return None
    signal = fill_holes(largest_component(magnitude > 0))
    both = 2 * np.count_nonzero(signal & mask) / (np.count_nonzero(signal) + np.count_nonzero(mask))
    return signal if both > _SAME else None


def every_signal(
    magnitude: NDArray[np.float32], *, voxel_size: Sequence[float], affine: NDArray[np.float64]
) -> Extraction:
    """Return every voxel with signal; see :func:`qsmbids.masking.signal_mask`."""
    return Extraction(np.where(signal_mask(magnitude), np.float32(-1), np.float32(1)))
