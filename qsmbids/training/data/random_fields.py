"""Smooth random fields, made from one white noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft as sf

from qsmbids.array_types import Float


class SmoothNoise:
    """Random fields of any smoothness on one grid, periodic, of zero mean and unit variance.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    shape : (3,) sequence of int
        The grid.
    """

    def __init__(self, rng: np.random.Generator, shape: Sequence[int]):
        self.rng, self.shape = rng, tuple(shape)
        nx, ny, nz = self.shape
        k2 = (
            np.fft.fftfreq(nx)[:, None, None] ** 2
            + np.fft.fftfreq(ny)[None, :, None] ** 2
            + np.fft.rfftfreq(nz)[None, None, :] ** 2
        )
        self._k2 = (-2 * np.pi**2 * k2).astype(np.float32)
        white = rng.standard_normal(self.shape, dtype=np.float32)
        self._spectrum = sf.rfftn(white)

    def __call__(self, sigma: float) -> Float:
        """Return a field smoothed by a Gaussian of ``sigma`` voxels.

        Each call shifts the one white noise at random and flips its sign, so that the fields
        of different calls are unlike each other without another transform.
        """
        return self._field(np.exp(np.float32(sigma**2) * self._k2))

    def power_law(self, exponent: float, stretch: Sequence[float] = (1, 1, 1)) -> Float:
        """Return a field whose power falls with frequency to the minus ``exponent``.

        Parameters
        ----------
        exponent : float
            3 is about a brain's.
        stretch : (3,) sequence of float
            How many times longer than usual its features are along each axis.
        """
        nx, ny, nz = self.shape
        grid = np.meshgrid(
            np.fft.fftfreq(nx), np.fft.fftfreq(ny), np.fft.rfftfreq(nz), indexing="ij", sparse=True
        )
        k2 = sum((length * k) ** 2 for k, length in zip(grid, stretch, strict=True))
        lowest = 0.5 / max(self.shape)
        return self._field((k2 + lowest**2).astype(np.float32) ** np.float32(-exponent / 4))

    def _field(self, filtering: Float) -> Float:
        """Return the white noise filtered, shifted and turned in sign at random."""
        filtered = self._spectrum * filtering
        filtered[0, 0, 0] = 0
        field = sf.irfftn(filtered, self.shape)
        shift = tuple(int(s) for s in self.rng.integers(0, self.shape))
        field = np.roll(field, shift, (0, 1, 2))
        sign = self.rng.choice((-1, 1))
        result: Float = field * np.float32(sign / max(float(field.std()), 1e-12))
        return result
