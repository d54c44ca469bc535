"""The dipole: the operator A from susceptibility to field, its adjoint, its proximal step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
import scipy.fft as sf
from numpy.typing import ArrayLike, NDArray

from qsmbids.array_types import Complex, Float
from qsmbids.physics.kernel import dipole_kernel, frequencies
from qsmbids.physics.kspace import Sink, Source, fast_size, through_kspace, turned
from qsmbids.physics.slabs import product

Array = TypeVar("Array", bound=Any)

_TINY = 1e-30  # what has converged stays where it is


class DipoleOperator(ABC, Generic[Array]):
    """What the dipole does to images, for every kind of array; the kernel is its own adjoint's.

    Attributes
    ----------
    kernel : array
        D, in the layout of ``rfftn`` on the padded grid.
    padded : tuple of int
        The grid of the transform.
    """

    kernel: Array
    padded: tuple[int, ...]

    @abstractmethod
    def filter(self, image: Array, response: Array) -> Array:
        """Return ``image`` (..., x, y, z) filtered by a real, even k-space ``response``."""

    @abstractmethod
    def inner(self, one: Array, other: Array) -> Array:
        """Return the inner product of two images, one number for each of a batch."""

    def __call__(self, chi: Array) -> Array:
        r"""Return :math:`A \chi`, the field in ppm of the susceptibility ``chi`` in ppm."""
        return self.filter(chi, self.kernel)

    def adjoint(self, field: Array) -> Array:
        """Return the adjoint of the operator, which is the operator: D is real and even."""
        return self.filter(field, self.kernel)

    def solve(self, field: Array, mu: Any) -> Array:
        r"""Return :math:`D f / (D^2 + \mu)`, the map of least squares and least norm.

        Parameters
        ----------
        field : (..., x, y, z) array
            In ppm.
        mu : positive float or array that broadcasts over the batch
            Weight of the norm.
        """
        return self.filter(field, self.kernel / (self.kernel**2 + mu))

    def prox(
        self, chi: Array, field: Array, mu: Any, weight: Array | None = None, steps: int = 5
    ) -> Array:
        r"""Return the proximal step from ``chi`` towards maps that explain ``field``.

        It minimises :math:`\|W (A x - f)\|^2 + \mu \|x - \chi\|^2`: without a weight in closed
        form, :math:`\chi + D / (D^2 + \mu) (f - A \chi)`, with one by conjugate gradients that
        the closed form preconditions.

        Parameters
        ----------
        chi, field : (..., x, y, z) array
            In ppm.
        mu : positive float or array that broadcasts over the batch
            The larger, the less the map changes.
        weight : (..., x, y, z) array, optional
            W, 0 to 1; a mask is one.
        steps : int
            Of conjugate gradients.
        """
        if weight is None:
            stepped: Array = chi + self.solve(field - self(chi), mu)
            return stepped
        weight2: Any = weight**2
        inverse = 1 / (self.kernel**2 + mu)
        residual = self.adjoint(weight2 * (field - self(chi)))
        direction = ahead = self.filter(residual, inverse)
        energy = self.inner(residual, ahead)
        for _ in range(steps):
            image = self.adjoint(weight2 * self(direction)) + mu * direction
            length = energy / (self.inner(direction, image) + _TINY)
            chi = chi + length * direction
            residual = residual - length * image
            ahead = self.filter(residual, inverse)
            before, energy = energy, self.inner(residual, ahead)
            direction = ahead + energy / (before + _TINY) * direction
        return chi


class DipoleConvolution(DipoleOperator[Float]):
    """The operator for NumPy arrays (x, y, z), on a padded grid so that nothing wraps around.

    Parameters
    ----------
    shape : (3,) sequence of int
        Grid of the images; odd sizes are fine.
    voxel_size, b0_dir : (3,) sequence of float
        As in `qsmbids.physics.dipole_kernel`.
    margin : int
        Zeros put behind the end of each axis, in voxels, at the least; the padded size is
        the next one whose FFT is fast.
    blur : float
        Standard deviation in voxels of the Gaussian by which sources are blurred. The kernel cut
        off at the grid's highest frequency rings where B0 is oblique or voxels are long, so that
        the field of a sharp source is not harmonic beside it.
    """

    def __init__(
        self,
        shape: Sequence[int],
        voxel_size: Sequence[float],
        b0_dir: Sequence[float] = (0, 0, 1),
        margin: int = 16,
        blur: float = 0.0,
    ):
        self.shape = tuple(int(n) for n in shape)
        self.voxel_size, self.b0_dir = tuple(voxel_size), tuple(b0_dir)
        self.padded = tuple(fast_size(n + margin) for n in self.shape)
        self.kernel = dipole_kernel(self.padded, voxel_size, b0_dir)
        self._inside = tuple(slice(0, n) for n in self.shape)
        if blur:
            k = frequencies(self.padded, voxel_size)
            for along, edge in zip(k, voxel_size, strict=True):
                self.kernel *= np.exp(-2 * (np.pi * blur * edge * along) ** 2).astype(np.float32)

    def __call__(self, chi: ArrayLike) -> Float:
        """Return the field (x, y, z) in ppm of the susceptibility ``chi`` (x, y, z) in ppm."""
        return self.filter(chi, self.kernel)

    def transform(self, image: ArrayLike) -> Complex:
        """Return the Fourier transform of ``image`` (x, y, z), padded with zeros."""
        image = np.asarray(image, dtype=np.float32)
        return sf.rfftn(image, self.padded)  # type: ignore[no-any-return]

    def inverse(self, spectrum: Complex) -> Float:
        """Return the image (x, y, z) of a spectrum, cropped to the grid of the images."""
        return sf.irfftn(spectrum, self.padded)[self._inside]  # type: ignore[no-any-return]

    def filter(self, image: ArrayLike, response: Float) -> Float:
        """Return ``image`` (x, y, z) filtered by a real, even k-space ``response``."""
        spectrum = self.transform(image)
        return self.inverse(product(spectrum, response, spectrum))

    def stream(self, source: Source, sink: Sink) -> None:
        """Convolve an image that is made and taken slab by slab, as methods do that iterate.

        Parameters
        ----------
        source : callable
            From a slab along the first axis to the susceptibility (slab, y, z) there in ppm.
        sink : callable
            Given a slab and the field (slab, y, z) in ppm there. It may change the source.
        """
        nx, ny, nz = self.shape

        def multiply(parts: list[Complex], rows: slice) -> list[Complex]:
            parts[0] *= self.turned_kernel[rows]
            return parts

        def crop(slab: slice, field: Float) -> None:
            sink(slab, field[:, :ny, :nz])

        through_kspace([source], multiply, [crop], self.padded, nx)

    def normal(self, image: Float, weight: Float, scale: NDArray[Any], ridge: np.float32) -> Float:
        r"""Return :math:`s A w A s x + \rho x`, what a weighted fit of sources solves for.

        Parameters
        ----------
        image : (x, y, z) float32 array
            x.
        weight, scale : (x, y, z) array
            w, of the field, and s, of the sources.
        ridge : float32
            Rho.
        """
        made = np.empty_like(image)

        def weigh(slab: slice, field: Float) -> None:
            np.multiply(field, weight[slab], out=made[slab])

        def add(slab: slice, source: Float) -> None:
            np.multiply(source, scale[slab], out=made[slab])
            made[slab] += ridge * image[slab]

        self.stream(lambda slab: image[slab] * scale[slab], weigh)
        self.stream(lambda slab: made[slab], add)
        return made

    @cached_property
    def turned_kernel(self) -> Float:
        """The kernel as `qsmbids.physics.kspace` takes it."""
        return turned(self.kernel)

    def inner(self, one: Float, other: Float) -> Float:
        """Return the inner product of two images (x, y, z)."""
        return np.asarray(np.vdot(one, other))


def forward_field(
    chi: ArrayLike,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float] = (0, 0, 1),
    margin: int | None = None,
) -> Float:
    """Return the field in ppm of B0 that ``chi`` in ppm makes, with Lorentz sphere correction.

    Parameters
    ----------
    chi : (x, y, z) array_like
        Susceptibility in ppm, relative to what surrounds the grid.
    voxel_size, b0_dir : (3,) sequence of float
        As in `qsmbids.physics.dipole_kernel`.
    margin : int, optional
        Zeros behind each axis in voxels; by default half of the longest axis, which keeps the
        periodic images far away.
    """
    chi = np.asarray(chi, dtype=np.float32)
    margin = max(chi.shape) // 2 if margin is None else margin
    return DipoleConvolution(chi.shape, voxel_size, b0_dir, margin)(chi)
