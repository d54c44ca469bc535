"""Maps of a batch's fields by the networks that the package ships, and by their refinement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from inspect import signature
from typing import Any

import numpy as np
import scipy.fft
import torch
from numpy.typing import NDArray
from torch import Tensor

from qsmbids.inference.resampling import choose_resampling
from qsmbids.inversion.network import network
from qsmbids.inversion.refinement import refine
from qsmbids.networks.base import InversionNet, apply_whole, prepare
from qsmbids.networks.device import has_bfloat16
from qsmbids.networks.direct import DirectNet
from qsmbids.networks.unrolled import UnrolledNet
from qsmbids.networks.weights import load_weights
from qsmbids.networks.weights_file import bundled
from qsmbids.physics import Problem
from qsmbids.physics.torch_dipole import data_consistency, demean
from qsmbids.training.data.batches import Batch, dipole_of

MakeMap = Callable[[Batch, int], Tensor]
"""From a batch and the number of a sample to that sample's map."""
REFINED = 0.25
"""Share of the samples whose map is refined by total variation: that is what the app does."""
CONSISTENCY: float = signature(network).parameters["consistency"].default
"""The consistency with which a whole-volume inference closes by default."""


def drawn_maps(batch: Batch, inversions: Sequence[Sequence[Way]]) -> Tensor:
    """Return a map of each sample in ppm, made in the way that the sample has drawn."""
    ways = [drawn_way(choice, inversions) for choice in batch["choice"].tolist()]
    return torch.cat([way(batch, number) for number, way in enumerate(ways)])


def drawn_way(choice: float, inversions: Sequence[Sequence[Way]]) -> MakeMap:
    """Return the way to a map that a number from 0 to 1 stands for.

    The refined maps have their share, where there are any; the networks share the rest alike,
    and the ways of each share its part.
    """
    refined = refinements(inversions)
    if refined and choice < REFINED:
        return refined[int(choice / REFINED * len(refined))]
    if refined:
        choice = (choice - REFINED) / (1 - REFINED)
    which, rest = divmod(choice * len(inversions), 1)
    ways = inversions[int(which)]
    return ways[int(rest * len(ways))]


def all_ways(inversions: Sequence[Sequence[Way]]) -> list[MakeMap]:
    """Return every way to a map."""
    return [*(way for ways in inversions for way in ways), *refinements(inversions)]


def refinements(inversions: Sequence[Sequence[Way]]) -> list[Refinement]:
    """Return the refinement of each network that closes its maps by itself, as `dcnet-tv` does."""
    ways = [way for ways in inversions for way in ways]
    return [Refinement(way) for way in ways if isinstance(way.model, UnrolledNet)]


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

    model: InversionNet
    card: Mapping[str, Any]
    consistency: float = 0.0

    @torch.no_grad()
    def __call__(self, batch: Batch, number: int) -> Tensor:
        """Return the (1, 1, x, y, z) map in ppm of one sample, of zero mean over the mask."""
        one = slice(number, number + 1)
        field, mask, dipole = batch["field"][one], batch["mask"][one], dipole_of(batch)
        dipole = replace(dipole, kernel=dipole.kernel[one])
        edges, b0_dir = batch["geometry"][number].reshape(2, 3).tolist()
        resampling = choose_resampling(field.shape[2:], edges, b0_dir, self.card)
        apply = apply_whole if resampling is None else resampling.apply()
        chi = self.model(field, mask, dipole, apply=apply)
        if self.consistency:
            return data_consistency(chi, field, mask, dipole, self.consistency)
        return demean(chi, mask)


@dataclass(frozen=True, eq=False)
class Refinement:
    """A network's map refined by total variation, as the method ``dcnet-tv`` does it.

    Attributes
    ----------
    prior : Way
        To the network's map.
    """

    prior: Way

    def __call__(self, batch: Batch, number: int) -> Tensor:
        """Return the (1, 1, x, y, z) map in ppm of one sample, of zero mean over the mask."""
        one, whole = slice(number, number + 1), batch["mask"]
        edges, b0_dir = batch["geometry"][number].reshape(2, 3).tolist()
        field, inside, weight = (
            batch[name][number, 0].cpu().numpy() for name in ("field", "mask", "weight")
        )

        def solve(part: NDArray[np.float32]) -> NDArray[np.float32]:
            given = torch.zeros_like(whole)
            given[number, 0] = torch.from_numpy(part)
            chi = self.prior({**batch, "field": given}, number)
            return np.asarray(chi[0, 0].cpu())

        with scipy.fft.set_workers(torch.get_num_threads()):
            chi = refine(solve, Problem(field, inside > 0, edges, b0_dir, weight)).chi
        return demean(torch.from_numpy(chi)[None, None].to(whole.device), whole[one])


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
    for name in networks or tuple(bundled("inversion")):
        model, card = load_weights(name)
        prepare(model.requires_grad_(False).to(device), has_bfloat16(device))
        ways = (0.0, CONSISTENCY) if isinstance(model, DirectNet) else (0.0,)
        inversions.append(tuple(Way(model, card, consistency) for consistency in ways))
    return tuple(inversions)
