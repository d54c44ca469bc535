"""The spherical mean value: what it leaves alone is harmonic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft as sf
from numpy.typing import NDArray
from scipy.special import sph_harm_y

from qsmbids.array_types import Bool, Complex, Float
from qsmbids.physics.kspace import fast_size


def sphere(
    radius: float, voxel_size: Sequence[float], degree: int = 4, oversampling: int = 8
) -> NDArray[np.float64]:
    """Return the weights of a mean over a ball, exact for harmonic polynomials.

    A ball drawn on a grid is not round: its mean of a harmonic function is not the centre's
    value, least of all with anisotropic voxels. The partial volumes are therefore changed as
    little as it takes (weighted least squares) to give every solid harmonic up to ``degree``
    the mean zero.

    Parameters
    ----------
    radius : float
        In mm.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.
    degree : int
        Odd degrees cancel by symmetry and cost nothing.
    oversampling : int
        Points along each edge of a voxel at which the ball is drawn.

    Returns
    -------
    (2 i + 1, 2 j + 1, 2 k + 1) float64 array
        Weights that add to 1, the centre in the middle.

    Raises
    ------
    ValueError
        If the ball does not reach a neighbouring voxel along each axis.
    """
    size = np.asarray(voxel_size, dtype=float)
    if not radius >= size.max():
        raise ValueError(
            f"a radius of {radius:g} mm is smaller than a voxel's edge of {size.max():g} mm"
        )
    half = np.floor(radius / size + 0.5).astype(int)
    fine = (np.arange(oversampling) + 0.5) / oversampling - 0.5
    squares = [
        (((np.arange(-n, n + 1)[:, None] + fine).ravel() * s) ** 2)
        for n, s in zip(half, size, strict=True)
    ]
    inside = squares[0][:, None, None] + squares[1][:, None] + squares[2] <= radius**2
    o = oversampling
    a, b, c = 2 * half + 1
    volume = inside.reshape(a, o, b, o, c, o).mean(axis=(1, 3, 5))
    volume /= volume.sum()
    return _balanced(volume, size, degree)


def _balanced(
    weights: NDArray[np.float64], size: NDArray[np.float64], degree: int
) -> NDArray[np.float64]:
    """Change the weights the least so that solid harmonics of even degree average to zero."""
    used = weights > 0
    x, y, z = (np.argwhere(used) - (np.array(weights.shape) - 1) / 2).T * size[:, None]
    r = np.sqrt(x * x + y * y + z * z)
    polar = np.arccos(np.divide(z, r, out=np.ones_like(z), where=r > 0))
    azimuth = np.arctan2(y, x)
    rows = [np.ones_like(r)]
    for n in range(2, degree + 1, 2):
        for m in range(n + 1):
            harmonic = (r / r.max()) ** n * sph_harm_y(n, m, polar, azimuth)
            rows += [harmonic.real, harmonic.imag]
    a = np.array(rows)
    target = np.zeros(len(a))
    target[0] = 1
    w = weights[used]
    gram = (a * w) @ a.T
    w = w + w * (a.T @ (np.linalg.pinv(gram, rcond=1e-10, hermitian=True) @ (target - a @ w)))
    balanced = np.zeros_like(weights)
    balanced[used] = w
    return balanced


class MeanValue:
    """Convolution with a sphere on a grid whose borders are only reached from outside the mask.

    Circular convolution wraps, but a mean is used only where the whole sphere lies within the
    mask, so no padding is needed beyond the next fast size of the transform.

    Parameters
    ----------
    shape : (3,) sequence of int
        Grid of the images.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.
    """

    def __init__(self, shape: Sequence[int], voxel_size: Sequence[float]):
        self.shape = tuple(int(n) for n in shape)
        self.voxel_size = tuple(voxel_size)
        self.padded = tuple(fast_size(n) for n in self.shape)
        self._inside = tuple(slice(0, n) for n in self.shape)

    def spectrum(self, weights: NDArray[np.float64]) -> Float:
        """Return the real transform of symmetric ``weights``, centred on the origin."""
        grid = np.zeros(self.padded, dtype=np.float32)
        half = [n // 2 for n in weights.shape]
        index = np.ix_(
            *((np.arange(-h, h + 1) % n) for h, n in zip(half, self.padded, strict=True))
        )
        np.add.at(grid, index, weights)
        return np.ascontiguousarray(sf.rfftn(grid).real)

    def transform(self, image: Float) -> Complex:
        """Return the Fourier transform of ``image`` (x, y, z), padded with zeros."""
        return sf.rfftn(image, self.padded)  # type: ignore[no-any-return]

    def inverse(self, spectrum: Complex) -> Float:
        """Return the image (x, y, z) of ``spectrum``, which is destroyed."""
        return sf.irfftn(spectrum, self.padded, overwrite_x=True)[self._inside]  # type: ignore[no-any-return]

    def filter(self, image: Float, response: Float) -> Float:
        """Return ``image`` (x, y, z) filtered by a real k-space ``response``."""
        spectrum = self.transform(image)
        spectrum *= response
        return self.inverse(spectrum)

    def erode(self, mask: Bool, weights: NDArray[np.float64]) -> Bool:
        """Return the voxels whose whole sphere lies within ``mask``."""
        support = self.spectrum((weights != 0).astype(float))
        outside = np.pad(
            ~mask,
            [(0, n - m) for n, m in zip(self.padded, self.shape, strict=True)],
            constant_values=True,
        ).astype(np.float32)
        missing = self.filter(outside, support)
        return mask & (missing < 0.5)
