"""U-Nets and data consistency by turns: an unrolled iteration with learnt parts."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, nn

from qsmbids.networks.base import InversionNet, Run
from qsmbids.networks.unet import UNet
from qsmbids.physics.torch_dipole import Dipole, demean, mean_over, noise_level


class UnrolledNet(InversionNet):
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
        Of U-Net and data consistency.
    shared : bool
        One U-Net and one mu for all iterations instead of one for each.
    **config
        As `UNet`, without ``inputs``: it sees the map, the field, the mask and the noise.
    """

    has_data_consistency = True

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

    def invert(self, field: Tensor, mask: Tensor, dipole: Dipole, run: Run) -> Tensor:
        """Return susceptibility with zero mean over the mask."""
        unit = mean_over(field.abs(), mask).clamp(min=1e-9)
        field = field * mask / unit
        noise = noise_level(field, mask).clamp(min=1e-3).log()
        first, *trust = (a + b * noise for a, b in self.trust)
        chi = dipole.solve(field, first.exp()) * mask
        for iteration in range(self.iterations):
            own = iteration % len(self.unets)
            x = torch.cat([chi / 3, field, mask, mask * noise], 1)
            chi = demean(chi + 3 * run(cast(UNet, self.unets[own]), x), mask)
            residual = (field - dipole(chi)) * mask
            size = mean_over(residual.detach().abs(), mask).clamp(min=1e-3).log()
            mu = (trust[own] + self.doubt[own] * size).exp()
            chi = demean(chi + dipole.solve(residual, mu), mask)
        return chi * unit
