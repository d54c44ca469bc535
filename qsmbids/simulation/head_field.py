"""The field in the head: of its own susceptibility, of the body beyond, and of the shims."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import CubicSpline

from qsmbids.array_types import Float
from qsmbids.physics import forward_field
from qsmbids.simulation.head_grid import Axes, along_axis

FAR = 140.0
"""How far beyond the field of view the body is modelled, in mm."""
STEP = 4.0
"""About the grid spacing there, in mm; twice the voxel where that is larger."""
BLUR = 0.8
"""Standard deviation in voxels of the blur of the sources around the brain."""


def background_field(chi: Float, voxel_size: Sequence[float], b0_dir: Sequence[float]) -> Float:
    """Return the field (x, y, z) in ppm of what surrounds the brain, and of its mean.

    Parameters
    ----------
    chi : (x, y, z) array
        Susceptibility in ppm relative to air.
    voxel_size, b0_dir : (3,) sequence of float
        As in `qsmbids.physics.forward_field`.

    Notes
    -----
    A step of 9 ppm between two voxels rings through the whole grid when the kernel, cut off
    at the highest frequency, meets an oblique B0: a field that is not harmonic in the brain.
    The slight blur takes the ringing from three times the brain's own field to a tenth of it.
    """
    # with room for the blur of the sides, where the body is cut off too
    room = int(np.ceil(3 * BLUR))
    sources = ndimage.gaussian_filter(np.pad(chi, room), BLUR, mode="constant", truncate=3)
    return forward_field(sources, voxel_size, b0_dir)[(slice(room, -room),) * 3]


def far_field(
    axes: Axes,
    b0_dir: Sequence[float],
    susceptibility: Callable[[Axes], Float],
) -> Float:
    """Return the field (x, y, z) in ppm that the body outside of the grid makes on it.

    Parameters
    ----------
    axes : list of (n,) arrays
        Positions of the voxels in mm.
    b0_dir : (3,) sequence of float
        B0 along the axes.
    susceptibility : callable
        Gives the susceptibility (x, y, z) in ppm, relative to air, on any axes.

    Notes
    -----
    The sources are outside, so the field is smooth inside: it is computed on a coarse grid
    whose planes coincide with the sides of the field of view, then interpolated.
    """
    coarse, inside = [], []
    for positions in axes:
        voxel = positions[1] - positions[0]
        extent = voxel * len(positions)
        count = max(round(extent / max(STEP, 2 * voxel)), 1)
        step, extra = extent / count, int(np.ceil(FAR / (extent / count)))
        first = positions[0] - voxel / 2 + step / 2
        coarse.append(first + step * np.arange(-extra, count + extra))
        inside.append(slice(extra, extra + count))
    chi = susceptibility(coarse)
    chi[tuple(inside)] = 0
    field = background_field(chi, [float(c[1] - c[0]) for c in coarse], b0_dir)
    for axis in range(3):
        around = slice(inside[axis].start - 2, inside[axis].stop + 2)
        field = field[(slice(None),) * axis + (around,)]
        nodes = coarse[axis][around]
        basis = CubicSpline(nodes, np.eye(len(nodes)))(axes[axis]).astype(np.float32)
        field = along_axis(basis, field, axis)
    return field


def solid_harmonics(axes: Axes) -> list[Float]:
    """Return the real solid spherical harmonics up to order two, each with zero Laplacian.

    Parameters
    ----------
    axes : list of (n,) arrays
        Positions in mm.

    Returns
    -------
    list of nine float32 arrays
        They broadcast to (x, y, z); lengths are in units of 100 mm. The constant comes first.
    """
    x, y, z = (
        ((a - a.mean()) / 100).astype(np.float32).reshape([-1 if i == j else 1 for j in range(3)])
        for i, a in enumerate(axes)
    )
    one = np.ones((1, 1, 1), np.float32)
    return [one, x, y, z, x * y, y * z, x * z, x * x - y * y, 2 * z * z - x * x - y * y]


def shim_field(
    field: Float, mask: NDArray[np.bool_], axes: Axes, rng: np.random.Generator
) -> Float:
    """Return what a scanner's shims add to ``field`` (ppm) to even it out in the mask.

    The least-squares fit of the solid harmonics, set imperfectly by a few percent; the constant
    is the scanner's centre frequency.
    """
    harmonics = solid_harmonics(axes)
    step = max(1, min(field.shape) // 40)
    thin = (slice(None, None, step),) * 3
    inside = mask[thin]
    columns = [np.broadcast_to(h, field.shape)[thin][inside] for h in harmonics]
    fit, *_ = np.linalg.lstsq(np.stack(columns, 1).astype(float), field[thin][inside], rcond=None)
    fit[1:] *= rng.normal(0.97, 0.04, len(fit) - 1)
    shim = np.zeros(field.shape, np.float32)
    for amount, harmonic in zip(fit, harmonics, strict=True):
        shim -= np.float32(amount) * harmonic
    return shim
