"""The networks proper: from field and mask to susceptibility, both in ppm."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from qsmbids.networks.unet import Network, UNet
from qsmbids.physics.torch_dipole import Dipole, demean, mean_over, noise_level

FIELD_SCALE = 100.0
"""The network's unit of field: 100 x ppm."""
CHI_SCALE = 100.0 / 3.0
"""The network's unit of susceptibility, so that its kernel is 3 D."""

Apply = Callable[[UNet, Tensor, int], Tensor]
"""How a U-Net is applied to (batch, channel, x, y, z) input of a domain; see `plain`."""


def plain(unet: UNet, x: Tensor, domain: int) -> Tensor:
    """Apply the U-Net to the whole image as it is."""
    out: Tensor = unet(x, domain)
    return out


class Inversion(Network):
    """What every network from field to susceptibility has in common."""

    def forward(
        self,
        field: Tensor,
        mask: Tensor,
        dipole: Dipole,
        *,
        domain: int = 0,
        apply: Apply = plain,
    ) -> Tensor:
        """Return susceptibility in ppm, zero outside the mask.

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
            How to apply the U-Net: in tiles, in another frame.
        """
        raise NotImplementedError


class DirectNet(Inversion):
    """A U-Net straight from field and mask to susceptibility, as uQSM and QSMInvNet are.

    Parameters
    ----------
    **config
        As `UNet`, without ``inputs``.
    """

    name = "direct"

    def __init__(self, **config: Any):
        super().__init__(**config)
        self.unet = UNet(inputs=2, **config)

    def forward(
        self,
        field: Tensor,
        mask: Tensor,
        dipole: Dipole,
        *,
        domain: int = 0,
        apply: Apply = plain,
    ) -> Tensor:
        """Return susceptibility; parameters as in `Inversion`, the dipole is not needed."""
        x = torch.cat([FIELD_SCALE * field * mask, mask], 1)
        return apply(self.unet, x, domain) / CHI_SCALE * mask


class ConsistentNet(Inversion):
    r"""U-Nets and closed-form data consistency by turns: the package's own method.

    Starting from :math:`\chi_0 = D f / (D^2 + \mu_0)`, each iteration corrects the map with a
    U-Net and brings the result into agreement with the field,

    .. math:: \chi \leftarrow \frac{D f' + \mu \chi}{D^2 + \mu}
              = \chi + \frac{D}{D^2 + \mu} m (f - D \chi),

    where f' is the field inside the mask m and the map's own field outside of it. The dipole is
    exact for any voxel size and B0 direction. How far the field is to be believed depends on
    its noise n, and after a U-Net on what it could not explain, the mean absolute residual r:
    :math:`\mu = e^{a + b \log n + c \log r}` with a, b and c learnt. The U-Net works in units of
    the field's mean absolute value, so that a field twice as strong gives a map twice as strong.

    Parameters
    ----------
    iterations : int
        Turns.
    shared : bool
        One U-Net and one mu for all turns instead of one for each.
    **config
        As `UNet`, without ``inputs``: it sees the map, the field, the mask and the noise.
    """

    name = "consistent"

    def __init__(self, iterations: int = 1, shared: bool = True, **config: Any):
        super().__init__(iterations=iterations, shared=shared, **config)
        if iterations < 1:
            raise ValueError(f"the network needs at least one iteration, not {iterations}")
        self.iterations, count = iterations, 1 if shared else iterations
        unets = [UNet(inputs=4, **config) for _ in range(count)]
        for unet in unets:  # starts as the closed-form solution
            nn.init.normal_(unet.last.weight, std=1e-2)
        self.unets = nn.ModuleList(unets)
        # 0.1 where the noise is a quarter of the field, as in vivo
        self.trust = nn.Parameter(torch.tensor([[math.log(0.4), 1.0]]).repeat(count + 1, 1))
        self.doubt = nn.Parameter(torch.zeros(count))

    def forward(
        self,
        field: Tensor,
        mask: Tensor,
        dipole: Dipole,
        *,
        domain: int = 0,
        apply: Apply = plain,
    ) -> Tensor:
        """Return susceptibility with zero mean over the mask; parameters as in `Inversion`."""
        unit = mean_over(field.abs(), mask).clamp(min=1e-9)
        field = field * mask / unit
        noise = noise_level(field, mask).clamp(min=1e-3).log()
        first, *trust = (a + b * noise for a, b in self.trust)
        chi = dipole.solve(field, first.exp()) * mask
        for turn in range(self.iterations):
            own = turn % len(self.unets)
            x = torch.cat([chi / 3, field, mask, mask * noise], 1)
            chi = demean(chi + 3 * apply(cast(UNet, self.unets[own]), x, domain), mask)
            residual = (field - dipole(chi)) * mask
            size = mean_over(residual.detach().abs(), mask).clamp(min=1e-3).log()
            mu = (trust[own] + self.doubt[own] * size).exp()
            chi = demean(chi + dipole.solve(residual, mu), mask)
        return chi * unit
