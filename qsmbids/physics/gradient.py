"""Forward differences, their adjoint, and their spectrum on a periodic grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Float

_ALL = slice(None)


def spacing(voxel_size: Sequence[float]) -> list[np.float32]:
    """Return the factor for each axis' differences: 1 for cubes, smaller across long edges.

    Differences are taken per geometric-mean edge length, so that a regularization weight
    keeps its meaning whatever the voxel's size and shape.
    """
    size = np.asarray(voxel_size, dtype=float)
    return [np.float32(s) for s in np.prod(size) ** (1 / 3) / size]


def difference(image: Float, axis: int, scale: np.float32, out: Float, slab: slice = _ALL) -> Float:
    """Write ``scale * (image[i + 1] - image[i])`` along ``axis``, periodic, into ``out``.

    Of the first axis only ``slab`` is written, which ``out`` covers; all of it by default.
    """
    part = image[slab]
    last = image[(slab.stop or 0) % len(image)] if axis == 0 else None
    a, o = np.moveaxis(part, axis, 0), np.moveaxis(out, axis, 0)
    np.subtract(a[1:], a[:-1], out=o[:-1])
    np.subtract(a[0] if last is None else last, a[-1], out=o[-1])
    out *= scale
    return out


def add_adjoint_difference(image: Float, axis: int, out: Float, slab: slice = _ALL) -> None:
    """Add the adjoint of `difference` without its scale, applied to ``image``, to ``out``.

    Of the first axis only ``slab`` is written, which ``out`` covers; all of it by default.
    """
    part = image[slab]
    first = image[(slab.start or 0) - 1] if axis == 0 else None
    i, o = np.moveaxis(part, axis, 0), np.moveaxis(out, axis, 0)
    o -= i
    o[1:] += i[:-1]
    o[0] += i[-1] if first is None else first


def laplacian_spectrum(shape: Sequence[int], voxel_size: Sequence[float]) -> Float:
    """Return the spectrum of G^T G, the negative Laplacian, in the layout of ``rfftn``."""
    nx, ny, nz = shape
    sx, sy, sz = (float(s) ** 2 for s in spacing(voxel_size))

    def part(frequency: NDArray[Any], scale: float) -> Float:
        return (scale * (2 - 2 * np.cos(2 * np.pi * frequency))).astype(np.float32)

    spectrum: Float = (
        part(np.fft.fftfreq(nx), sx)[:, None, None]
        + part(np.fft.fftfreq(ny), sy)[None, :, None]
        + part(np.fft.rfftfreq(nz), sz)[None, None, :]
    )
    return spectrum
