"""What has to be measured during a run, while the echoes are at hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Bool, Float
from qsmbids.masking import signal_mask
from qsmbids.masking.plausibility import at_border
from qsmbids.phase.signal_noise import noise_from_magnitude
from qsmbids.reports.checks.echoes import movement
from qsmbids.reports.checks.extraction import against_network
from qsmbids.reports.checks.pairing import pairing
from qsmbids.reports.checks.shape import against_shape


def measure(
    magnitude: Float,
    phase: Float,
    mask: Bool,
    field: Float,
    weight: Float,
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
    affine: NDArray[np.float64],
    given: bool,
) -> dict[str, dict[str, float]]:
    """Return what the checks of a series judge by: the quantities of each, by its name.

    Parameters
    ----------
    magnitude, phase : (echo, x, y, z) float32 array
        Axes to right, anterior, superior; phase in radians, zero in the first echo of a phase
        difference.
    mask : (x, y, z) bool array
        The brain.
    field, weight : (x, y, z) float32 array
        Total field in ppm with the sign that the run took, and the confidence in it.
    voxel_size, b0_dir : (3,) sequence of float
        Edge lengths in mm; B0 along the voxel axes.
    affine : (4, 4) array
    given : bool
        Whether the mask is somebody else's, to be compared with the network's.
    """
    first = magnitude[0]
    head = signal_mask(first)
    told = {
        "phase": pairing(first, phase[0] if phase[0].any() else phase[-1], head, voxel_size),
        "shape": against_shape(
            field, weight, head, mask=mask, voxel_size=voxel_size, b0_dir=b0_dir
        ),
        "signal": {"snr": float(np.median(first[mask])) / noise_from_magnitude(first, mask)},
        "view": _view(mask, voxel_size),
    }
    moved = movement(magnitude, mask, voxel_size)
    if moved is not None:
        told["echoes"] = {"moved": moved[0], "allowed": moved[1]}
    if given:
        told["mask"] = against_network(mask, first, voxel_size=voxel_size, affine=affine)
    return {name: one for name, one in told.items() if np.isfinite(list(one.values())).all()}


def _view(mask: Bool, voxel_size: Sequence[float]) -> dict[str, float]:
    used = [np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != n))) for n in range(3)]
    extent = [float(np.ptp(u) + 1) * edge for u, edge in zip(used, voxel_size, strict=True)]
    return {
        "extent": min(extent),
        "edge": float(max(voxel_size)),
        "cut": 100 * at_border(mask),
    }
