"""Learning how wrong maps are: the objective of the uncertainty's network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from qsmbids.inversion.network import network
from qsmbids.nets.device import has_bfloat16
from qsmbids.nets.dipole import closed, demean
from qsmbids.nets.infer import choose_frame
from qsmbids.nets.inversion import DirectNet, Inversion, plain
from qsmbids.nets.losses import masked_mean
from qsmbids.nets.unet import Network, prepare
from qsmbids.nets.weights import bundled, load_weights
from qsmbids.training.samples import Batch, dipole_of

ONE_SIGMA = math.erf(math.sqrt(0.5))
"""Share of a normal distribution within one standard deviation, 68.27 %."""
SMALLEST = 1e-6
"""Errors below that, in ppm, count as this large."""
CONSISTENCY: float = signature(network).parameters["consistency"].default
"""The consistency with which a whole-volume inference closes by default."""


def spread_loss(model: Network, batch: Batch, networks: Sequence[str]) -> Tensor:
    """Return the pinball loss of the sigma that ``model`` gives for maps drawn at random.

    Parameters
    ----------
    model : Network
        A `qsmbids.nets.spread.SpreadNet`.
    batch : dict
        See `qsmbids.training.samples.Samples`; with ``choice``.
    networks : sequence of str
        Whose maps; see `Recipe`.
    """
    mask = batch["mask"]
    chi = drawn_maps(batch, load_inversions(tuple(networks), str(mask.device)))
    sigma = model(chi, batch["field"], mask, dipole_of(batch))
    return pinball(sigma, (chi - demean(batch["chi"], mask)).abs(), mask)


def pinball(sigma: Tensor, error: Tensor, mask: Tensor) -> Tensor:
    """Return the quantile loss of the logarithms, whose minimum holds 68.27 % of the errors.

    A quantile of the logarithm is the logarithm of the quantile, and there each voxel pulls
    with the same force, however strong its source or its sample.

    Parameters
    ----------
    sigma, error : (batch, 1, x, y, z) tensor
        What is predicted of the absolute error, and the absolute error, in ppm.
    mask : (batch, 1, x, y, z) tensor
        1 where to look.

    References
    ----------
    Koenker and Bassett, Econometrica 46:33 (1978).
    """
    beyond = error.clamp(min=SMALLEST).log() - sigma.clamp(min=SMALLEST).log()
    loss = torch.maximum(ONE_SIGMA * beyond, (ONE_SIGMA - 1) * beyond)
    return masked_mean(loss, mask).mean()


@torch.no_grad()
def coverage(model: Network, batch: Batch, networks: Sequence[str]) -> Tensor:
    """Return the share in % of each sample's voxels within one sigma, mean over all networks."""
    mask = batch["mask"]
    truth, shares = demean(batch["chi"], mask), []
    for ways in load_inversions(tuple(networks), str(mask.device)):
        for way in ways:
            chi = torch.cat([way(batch, number) for number in range(len(mask))])
            inside = (chi - truth).abs() <= model(chi, batch["field"], mask, dipole_of(batch))
            shares.append(masked_mean(inside.to(mask.dtype), mask))
    return 100 * torch.stack(shares).mean(0)


def drawn_maps(batch: Batch, inversions: Sequence[Sequence[Way]]) -> Tensor:
    """Return a map of each sample in ppm, made in the way that the sample has drawn."""
    maps = []
    for number, choice in enumerate(batch["choice"].tolist()):
        which, rest = divmod(choice * len(inversions), 1)
        ways = inversions[int(which)]
        maps.append(ways[int(rest * len(ways))](batch, number))
    return torch.cat(maps)


@dataclass(frozen=True, eq=False)
class Way:
    """A network from field to map, used as whole-volume inference uses it.

    Attributes
    ----------
    model, card
        From a weights file.
    consistency : float
        Of the closing data consistency; 0 for none.
    """

    model: Inversion
    card: Mapping[str, Any]
    consistency: float = 0.0

    @torch.no_grad()
    def __call__(self, batch: Batch, number: int) -> Tensor:
        """Return the (1, 1, x, y, z) map in ppm of one sample, of zero mean over the mask."""
        one = slice(number, number + 1)
        field, mask, dipole = batch["field"][one], batch["mask"][one], dipole_of(batch)
        dipole = replace(dipole, kernel=dipole.kernel[one])
        edges, b0_dir = batch["geometry"][number].reshape(2, 3).tolist()
        frame = choose_frame(field.shape[2:], edges, b0_dir, self.card)
        domain = self.model.config.get("domains", 1) - 1  # the target's is the last
        apply = plain if frame is None else frame.apply()
        chi = self.model(field, mask, dipole, domain=domain, apply=apply)
        if self.consistency:
            return closed(chi, field, mask, dipole, self.consistency)
        return demean(chi, mask)


@cache
def load_inversions(networks: tuple[str, ...], device: str) -> tuple[tuple[Way, ...], ...]:
    """Return each network's ways to a map: as it is and, if it needs that, made consistent.

    Parameters
    ----------
    networks : tuple of str
        Paths or shipped names; empty for all that are shipped.
    device : str
        Where to compute.
    """
    inversions = []
    for name in networks or tuple(bundled()):
        model, card = load_weights(name)
        prepare(model.requires_grad_(False).to(device), has_bfloat16(device))
        ways = (0.0, CONSISTENCY) if isinstance(model, DirectNet) else (0.0,)
        inversions.append(tuple(Way(model, card, consistency) for consistency in ways))
    return tuple(inversions)
