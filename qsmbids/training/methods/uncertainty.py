"""uncertainty: how wrong the maps of networks are, learnt from their errors on simulated fields.

The network gives sigma such that the error is below it in 68.27 % of the voxels: a quantile, so
that nothing is assumed about the errors' distribution.

References
----------
Koenker and Bassett, "Regression quantiles", Econometrica 46:33 (1978).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qsmbids.networks.base import Network
from qsmbids.networks.losses import masked_mean
from qsmbids.networks.weights_file import bundled
from qsmbids.physics.torch_dipole import demean
from qsmbids.training.data.batches import Batch, dipole_of
from qsmbids.training.data.corruption import Corruption
from qsmbids.training.data.network_maps import all_ways, drawn_maps, load_inversions
from qsmbids.training.methods.inversion import InversionRecipe
from qsmbids.training.methods.recipe import Sampler

ONE_SIGMA = math.erf(math.sqrt(0.5))
"""Share of a normal distribution within one standard deviation, 68.27 %."""
SMALLEST = 1e-6
"""Errors below that, in ppm, count as this large."""


@dataclass(frozen=True)
class Uncertainty(InversionRecipe):
    """Learns from the errors of other networks' maps, and of their refinement.

    Parameters
    ----------
    networks : tuple of str
        Paths of weights files or names of shipped ones; all shipped by default.
    """

    networks: tuple[str, ...] = ()

    def card(self) -> dict[str, Any]:
        """Return the recipe as plain values, all networks by name."""
        return {**super().card(), "networks": self.networks or tuple(bundled("inversion"))}

    def make_batch(self, rng: np.random.Generator, size: int, *samplers: Sampler) -> Batch:
        """Return a batch with a ``choice`` (batch,), which decides whose map a sample gets."""
        batch = super().make_batch(rng, size, *samplers)
        return {**batch, "choice": torch.from_numpy(rng.random(self.batch))}

    def loss(self, model: Network, batch: Batch, progress: float) -> Tensor:
        """Return the quantile loss of sigma for maps drawn at random."""
        mask = batch["mask"]
        chi = drawn_maps(batch, load_inversions(self.networks, str(mask.device)))
        sigma = model(chi, batch["field"], mask, dipole_of(batch))
        return quantile_loss(sigma, (chi - demean(batch["chi"], mask)).abs(), mask)

    @torch.no_grad()
    def score(self, model: Network, batch: Batch, domain: int = 0) -> Tensor:
        """Return the share in % of each sample's voxels within one sigma, mean over all maps."""
        mask = batch["mask"]
        truth, shares = demean(batch["chi"], mask), []
        for way in all_ways(load_inversions(self.networks, str(mask.device))):
            chi = torch.cat([way(batch, number) for number in range(len(mask))])
            inside = (chi - truth).abs() <= model(chi, batch["field"], mask, dipole_of(batch))
            shares.append(masked_mean(inside.to(mask.dtype), mask))
        return 100 * torch.stack(shares).mean(0)

    def measure(self, source: str) -> str:
        """Return what `score` measures."""
        return "coverage"


def quantile_loss(sigma: Tensor, error: Tensor, mask: Tensor) -> Tensor:
    """Return the quantile loss of the logarithms, whose minimum holds 68.27 % of the errors.

    A quantile of the logarithm is the logarithm of the quantile, and there each voxel pulls
    with the same force, however strong its source or its sample.

    Parameters
    ----------
    sigma, error : (batch, 1, x, y, z) tensor
        What is predicted of the absolute error, and the absolute error, in ppm.
    mask : (batch, 1, x, y, z) tensor
        1 where to look.
    """
    beyond = error.clamp(min=SMALLEST).log() - sigma.clamp(min=SMALLEST).log()
    loss = torch.maximum(ONE_SIGMA * beyond, (ONE_SIGMA - 1) * beyond)
    return masked_mean(loss, mask).mean()


UNCERTAINTY = Uncertainty(
    name="uncertainty",
    architecture="spread",
    config={"base": 8, "levels": 4},
    corruption=Corruption(removal=0.65, clean=0.4, noise=0.03, quiet=1 / 200),
    steps=4_000,
)
