"""The dipole convolution for torch: differentiable, in batches, padded so that nothing wraps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qsmbids.physics.dipole import DipoleConvolution, DipoleOperator
from qsmbids.physics.noise import mixed_difference

AXES = (-3, -2, -1)
CONSISTENCY = 0.1
"""How far `data_consistency` leaves a map as it is, unless told otherwise."""


@dataclass(frozen=True, eq=False)
class Dipole(DipoleOperator[Tensor]):
    """The operator for (batch, 1, x, y, z) tensors, with a kernel for each image of a batch.

    The kernel is (batch or 1, 1, px, py, pz // 2 + 1), for the padded grid (px, py, pz).
    """

    kernel: Tensor
    padded: tuple[int, ...]

    @classmethod
    def on(
        cls,
        shape: Sequence[int],
        voxel_size: Sequence[float],
        b0_dir: Sequence[float] = (0, 0, 1),
        margin: int = 16,
    ) -> Dipole:
        """Make the dipole of one geometry; parameters as in `qsmbids.physics.DipoleConvolution`."""
        dipole = DipoleConvolution(shape, voxel_size, b0_dir, margin)
        return cls(torch.from_numpy(dipole.kernel)[None, None], dipole.padded)

    @classmethod
    def batch(cls, kernels: Sequence[NDArray[np.float32]], padded: Sequence[int]) -> Dipole:
        """Make the dipole of images with a (px, py, pz // 2 + 1) kernel each, on one grid."""
        return cls(torch.from_numpy(np.stack(kernels))[:, None], tuple(padded))

    def to(self, device: torch.device | str) -> Dipole:
        """Return the dipole on another device."""
        return replace(self, kernel=self.kernel.to(device))

    def filter(self, image: Tensor, response: Tensor) -> Tensor:
        """Return images filtered by a real, even k-space ``response``."""
        x, y, z = image.shape[2:]
        spectrum = torch.fft.rfftn(image, self.padded, dim=AXES) * response
        whole: Tensor = torch.fft.irfftn(spectrum, self.padded, dim=AXES)
        return whole[..., :x, :y, :z]

    def inner(self, one: Tensor, other: Tensor) -> Tensor:
        """Return the (batch, 1, 1, 1, 1) inner products of the images of two batches."""
        return (one * other).sum(AXES, keepdim=True)


def mean_over(image: Tensor, mask: Tensor) -> Tensor:
    """Return the (batch, 1, 1, 1, 1) mean of ``image`` over ``mask``, (batch, 1, x, y, z)."""
    return (image * mask).sum(AXES, keepdim=True) / mask.sum(AXES, keepdim=True).clamp(min=1)


def demean(image: Tensor, mask: Tensor) -> Tensor:
    """Return ``image`` (batch, 1, x, y, z) minus its mean over ``mask``, zero outside of it."""
    return (image - mean_over(image, mask)) * mask


def data_consistency(
    chi: Tensor, field: Tensor, mask: Tensor, dipole: Dipole, consistency: float = CONSISTENCY
) -> Tensor:
    r"""Return a map brought into agreement with the field, as far as the noise lets believe it.

    It is :math:`(D f' + \mu \chi) / (D^2 + \mu)`, where f' is the field inside the mask and the
    map's own outside of it. With the noise n of the field over its mean absolute value,
    :math:`\mu = c (0.05 + 8 n^2)`: white noise asks for a mu that grows with its variance, and
    errors of another kind, which no noise level tells, for a first term that does not vanish.

    Parameters
    ----------
    chi, field, mask : (batch, 1, x, y, z) tensor
        Map and field in ppm; 1 where they are valid.
    dipole : Dipole
        The kernels of the batch.
    consistency : positive float
        c: the larger, the less the map changes.

    Returns
    -------
    (batch, 1, x, y, z) tensor
        In ppm, of zero mean over the mask, zero outside of it.
    """
    field = field * mask
    noise = noise_level(field, mask) / mean_over(field.abs(), mask).clamp(min=1e-9)
    mu = consistency * (0.05 + 8 * noise**2)
    return demean(chi + dipole.solve((field - dipole(chi)) * mask, mu), mask)


def noise_level(field: Tensor, mask: Tensor) -> Tensor:
    """Return the (batch, 1, 1, 1, 1) standard deviation of the noise in ``field``.

    The mean is used here, which networks were trained with; `qsmbids.physics.noise.noise_level`
    takes the median.
    """
    corners, inside = mixed_difference(field, mask)
    level: Tensor = mean_over(corners.abs(), inside) * (torch.pi / 2 / 8) ** 0.5
    return level
