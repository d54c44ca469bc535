"""One U-Net straight to susceptibility: from field and mask, or from noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from qsmbids.networks.base import InversionNet, Run
from qsmbids.networks.unet import UNet
from qsmbids.physics.torch_dipole import Dipole

FIELD_SCALE = 100.0
"""The network's unit of field: 100 x ppm."""
CHI_SCALE = 100.0 / 3.0
"""The network's unit of susceptibility, so that its kernel is 3 D."""


class DirectNet(InversionNet):
    """A U-Net from field and mask to susceptibility, as uQSM and QSMInvNet are.

    Parameters
    ----------
    **config
        As `UNet`, without ``inputs``.
    """

    def __init__(self, **config: Any):
        super().__init__(**config)
        self.unet = UNet(inputs=2, **config)

    def invert(self, field: Tensor, mask: Tensor, dipole: Dipole, run: Run) -> Tensor:
        """Return susceptibility; the dipole is not needed."""
        x = torch.cat([FIELD_SCALE * field * mask, mask], 1)
        return run(self.unet, x) / CHI_SCALE * mask


class DeepImagePrior(InversionNet):
    """A U-Net whose input is noise: the map is in its weights.

    Parameters
    ----------
    shape : (3,) sequence of int
        Grid of the map.
    channels : int
        Of the noise, uniform in 0 to 0.1, drawn once.
    **config
        As `UNet`, without ``inputs``.

    References
    ----------
    Ulyanov et al., CVPR 2018, "Deep image prior".
    """

    noise: Tensor

    def __init__(self, shape: Sequence[int], channels: int = 4, **config: Any):
        super().__init__(shape=tuple(shape), channels=channels, **config)
        self.unet = UNet(inputs=channels, **config)
        self.register_buffer("noise", 0.1 * torch.rand(1, channels, *shape), persistent=False)

    def invert(self, field: Tensor, mask: Tensor, dipole: Dipole, run: Run) -> Tensor:
        """Return susceptibility; the mask alone counts."""
        return run(self.unet, self.noise) / CHI_SCALE * mask
