"""Whether all echoes show the head at the same place."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from qsmbids.array_types import Bool, Float
from qsmbids.reports.checks.blocks import Blocks

_EDGE = 2.5  # mm
_STEEP = 95  # percentile of the gradients; steeper ones are vessels and rims


def movement(
    magnitude: Float, mask: Bool, voxel_size: Sequence[float]
) -> tuple[float, float] | None:
    """Return how far an echo lies from the one before it, and how far it may, in mm.

    Parameters
    ----------
    magnitude : (echo, x, y, z) float32 array
    mask : (x, y, z) bool array
    voxel_size : (3,) sequence of float
        Edge lengths in mm.

    Notes
    -----
    The difference of the logarithms of two echoes is that of decay, which follows no edges, and
    the displacement times the gradient. Loss of signal by the field's own gradient in thick slices
    looks like a small shift along them: half a voxel is allowed, and at least 1 mm. The largest of
    all steps relative to that is returned.
    """
    blocks = Blocks(voxel_size, _EDGE)
    inner = ndimage.binary_erosion(blocks.mean(mask) > 0.9)
    if len(magnitude) < 2 or np.count_nonzero(inner) < 1000 or min(inner.shape) < 3:
        return None
    width = [_EDGE / edge for edge in blocks.edges]
    allowed = np.maximum(np.asarray(blocks.edges) / 2, 1.0)
    logs = []
    for echo in magnitude:
        smooth = ndimage.gaussian_filter(blocks.mean(echo), width)
        logs.append(np.log(np.maximum(smooth, np.float32(0.02) * smooth[inner].mean())))
    steps = [_shift(a, b, inner, blocks.edges) for a, b in pairwise(logs)]
    worst = max(((np.abs(s) / allowed).max(), n) for n, s in enumerate(steps))[1]
    axis = int((np.abs(steps[worst]) / allowed).argmax())
    return float(abs(steps[worst][axis])), float(allowed[axis])


def _shift(one: Float, other: Float, inner: Bool, edges: Sequence[float]) -> NDArray[np.float64]:
    """Return the displacement (3,) in mm that explains most of the difference of two echoes."""
    gradient = np.stack(list(np.gradient((one + other) / 2, *edges)))[:, inner]
    size = np.linalg.norm(gradient, axis=0)
    gentle = size < np.percentile(size, _STEEP)
    level = one[inner] - one[inner].mean()
    terms = np.concatenate([gradient, np.ones_like(level)[None], level[None]])[:, gentle]
    difference = (one - other)[inner][gentle]
    normal = terms.astype(np.float64) @ terms.T
    return np.asarray(np.linalg.lstsq(normal, terms @ difference.astype(np.float64))[0][:3])
