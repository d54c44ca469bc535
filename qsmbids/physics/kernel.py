"""The unit dipole's kernel in k-space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qsmbids.physics.slabs import in_slabs


def frequencies(shape: Sequence[int], voxel_size: Sequence[float]) -> list[NDArray[np.float64]]:
    """Return k along each axis in 1/mm, shaped to broadcast, for the layout of ``rfftn``."""
    nx, ny, nz = shape
    dx, dy, dz = voxel_size
    return [
        np.asarray(np.fft.fftfreq(nx, dx), dtype=np.float64)[:, None, None],
        np.asarray(np.fft.fftfreq(ny, dy), dtype=np.float64)[None, :, None],
        np.asarray(np.fft.rfftfreq(nz, dz), dtype=np.float64)[None, None, :],
    ]


def dipole_kernel(
    shape: Sequence[int], voxel_size: Sequence[float], b0_dir: Sequence[float] = (0, 0, 1)
) -> NDArray[np.float32]:
    r"""Return the dipole kernel :math:`D(k) = 1/3 - (k \cdot b)^2 / |k|^2`, with D(0) = 0.

    Parameters
    ----------
    shape : (3,) sequence of int
        The grid (x, y, z) on which the Fourier transform is taken.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.
    b0_dir : (3,) sequence of float
        Direction of B0 along the voxel axes; normalised here.

    Returns
    -------
    (x, y, z // 2 + 1) float32 array
        In the layout of ``scipy.fft.rfftn``.

    Notes
    -----
    An axis of even size holds its Nyquist frequency once, for both signs. The kernel there is
    the mean over the signs, so that it is even in k and commutes with rotations of the grid
    for an oblique B0 too: the products of that frequency with those of other axes cancel.

    References
    ----------
    Salomir et al., Concepts Magn Reson B 19:26 (2003); Marques and Bowtell, ibid. 25:65 (2005).
    """
    b = np.asarray(b0_dir, dtype=float)
    b = b / np.linalg.norm(b)
    x, y, z = frequencies(shape, voxel_size)
    (odd_x, nyquist_x), (odd_y, nyquist_y), (odd_z, nyquist_z) = (
        _split_nyquist(k, n) for k, n in zip((x, y, z), shape, strict=True)
    )
    kernel = np.empty((*shape[:2], z.size), np.float32)

    def fill(slab: slice) -> None:
        k2 = x[slab] ** 2 + y**2 + z**2
        k2[k2 == 0] = 1.0
        projection2 = (odd_x[slab] * b[0] + odd_y * b[1] + odd_z * b[2]) ** 2
        projection2 += nyquist_x[slab] * b[0] ** 2
        projection2 += nyquist_y * b[1] ** 2
        projection2 += nyquist_z * b[2] ** 2
        kernel[slab] = 1 / 3 - projection2 / k2

    in_slabs(fill, kernel.shape)
    kernel[0, 0, 0] = 0.0
    return kernel


def _split_nyquist(
    k: NDArray[np.float64], n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return k without the Nyquist frequency of an even axis of size n, and its square alone."""
    if n % 2:
        return k, np.zeros_like(k)
    odd = k.copy()
    odd.flat[n // 2] = 0.0
    return odd, k**2 - odd**2
