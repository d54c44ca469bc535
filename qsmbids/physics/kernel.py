"""The unit dipole's kernel in k-space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


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
    k = frequencies(shape, voxel_size)
    k2 = k[0] ** 2 + k[1] ** 2 + k[2] ** 2
    k2[0, 0, 0] = 1.0
    odd, nyquist2 = zip(*map(_split_nyquist, k, shape), strict=True)
    projection2 = (odd[0] * b[0] + odd[1] * b[1] + odd[2] * b[2]) ** 2
    for squared, component in zip(nyquist2, b, strict=True):
        projection2 += squared * component**2
    kernel: NDArray[np.float32] = (1 / 3 - projection2 / k2).astype(np.float32)
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
