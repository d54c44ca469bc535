"""What the package's networks have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from qsmbids.networks.architectures import name_of
from qsmbids.networks.unet import UNet
from qsmbids.physics.torch_dipole import Dipole

Apply = Callable[[UNet, Tensor, int], Tensor]
"""How a U-Net is applied to its (batch, channel, x, y, z) input of a domain; see `apply_whole`."""
Run = Callable[[UNet, Tensor], Tensor]
"""The same for one domain."""


def apply_whole(unet: UNet, x: Tensor, domain: int) -> Tensor:
    """Apply the U-Net to the whole image as it is."""
    out: Tensor = unet(x, domain)
    return out


class Network(nn.Module):
    """A network of U-Nets that a weights file can hold.

    Attributes
    ----------
    config : dict
        The arguments that it was made with, as they stand in a weights file.
    has_data_consistency : bool
        Whether it brings its maps into agreement with the field by itself.
    """

    has_data_consistency = False

    def __init__(self, **config: Any):
        super().__init__()
        self.config = config

    @property
    def name(self) -> str:
        """The architecture's name in `qsmbids.networks.architectures.ARCHITECTURES`."""
        return name_of(type(self))


class InversionNet(Network):
    """A network from field to susceptibility; a subclass says how in `invert`."""

    def forward(
        self,
        field: Tensor,
        mask: Tensor,
        dipole: Dipole,
        *,
        domain: int = 0,
        apply: Apply = apply_whole,
    ) -> Tensor:
        """Return susceptibility in ppm, (batch, 1, x, y, z), zero outside the mask.

        Parameters
        ----------
        field : (batch, 1, x, y, z) float32 tensor
            Local field in ppm.
        mask : (batch, 1, x, y, z) float32 tensor
            1 where the field is valid, else 0.
        dipole : Dipole
            The kernels of the batch.
        domain : int
            Whose batch statistics to use.
        apply : callable
            How to apply the U-Nets: to the whole image, in tiles, on another grid.
        """
        return self.invert(field, mask, dipole, lambda unet, x: apply(unet, x, domain))

    def invert(self, field: Tensor, mask: Tensor, dipole: Dipole, run: Run) -> Tensor:
        """Return susceptibility as `forward` does; ``run`` applies a U-Net to its input."""
        raise NotImplementedError


def unets(module: nn.Module) -> Iterator[UNet]:
    """Yield every U-Net inside ``module``."""
    return (m for m in module.modules() if isinstance(m, UNet))


def prepare(module: nn.Module, use_bfloat16: bool) -> None:
    """Lay out the weights of every U-Net in ``module`` for speed, and say how it computes."""
    for unet in unets(module):
        unet.use_bfloat16 = use_bfloat16
        for parameter in unet.parameters():
            if parameter.ndim == 5:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)
