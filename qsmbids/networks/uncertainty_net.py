"""The network that predicts how far a susceptibility map is from the truth."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from qsmbids.networks.base import Apply, Network, apply_whole
from qsmbids.networks.unet import UNet
from qsmbids.physics.torch_dipole import Dipole, demean, mean_over, noise_level

LARGEST = 12.0
"""Limit of the logarithm of sigma in units of the field, so that it is positive and finite."""


class UncertaintyNet(Network):
    r"""A U-Net from a map and what it was made from to its one-sigma error.

    It sees the map, the field, what the map leaves of the field, :math:`m (f - D \chi)`, the mask
    and the noise level, all in units of the field's mean absolute value u, and gives
    :math:`\sigma = u e^{out}`: positive, and twice as large for a field and a map twice as
    strong. The inverse hyperbolic sine brings strong sources into its range: the output is a
    logarithm, too. Its arguments are those of `UNet`, without ``inputs``.
    """

    def __init__(self, **config: Any):
        super().__init__(**config)
        self.unet = UNet(inputs=5, **config)
        nn.init.normal_(self.unet.last.weight, std=1e-2)  # starts with one sigma everywhere

    def forward(
        self,
        chi: Tensor,
        field: Tensor,
        mask: Tensor,
        dipole: Dipole,
        *,
        apply: Apply = apply_whole,
    ) -> Tensor:
        """Return sigma in ppm, zero outside the mask.

        Parameters
        ----------
        chi : (batch, 1, x, y, z) float32 tensor
            The susceptibility map in ppm; its mean over the mask does not matter.
        field, mask, dipole, apply
            What it was made from, as in `qsmbids.networks.base.InversionNet`.
        """
        unit = mean_over(field.abs(), mask).clamp(min=1e-9)
        field, chi = field * mask / unit, demean(chi, mask) / unit
        residual = (field - dipole(chi)) * mask
        noise = noise_level(field, mask).clamp(min=1e-3).log()
        x = torch.cat([(chi / 3).asinh(), field.asinh(), residual.asinh(), mask, mask * noise], 1)
        return unit * apply(self.unet, x, 0).clamp(-LARGEST, LARGEST).exp() * mask
