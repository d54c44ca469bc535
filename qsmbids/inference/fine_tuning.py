"""Fine-tuning a network on one subject's field, stopped before it fits noise."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from qsmbids.errors import InputError
from qsmbids.inference.fit_options import FitOptions
from qsmbids.inference.predict import Setup
from qsmbids.inference.progress import Progress
from qsmbids.inference.tiles import bytes_needed
from qsmbids.networks.device import is_out_of_memory
from qsmbids.networks.inversion import ConsistentNet
from qsmbids.networks.losses import data_term, total_variation
from qsmbids.networks.unet import unets
from qsmbids.physics.torch_dipole import data_consistency, demean


@dataclass(frozen=True, eq=False)
class Tuned:
    """What fine-tuning gives.

    Attributes
    ----------
    chi : (1, 1, x, y, z) tensor
        Susceptibility in ppm of the best iteration, zero mean over the mask.
    loss, held_out : list of float
        The loss, and the data term of the voxels left out of it, of each iteration.
    best : int
        The iteration that was kept; 0 is the network as it came.
    """

    chi: Tensor
    loss: list[float]
    held_out: list[float]
    best: int


def fine_tune(
    setup: Setup, voxel_size: tuple[float, ...], weight: Tensor, how: FitOptions
) -> Tuned:
    """Fit a network to one field by the data term and total variation.

    A share of the voxels is kept from it altogether: they are left out of the data term, and in
    the input their field is that of their neighbours, since a network could otherwise pass it
    on. Their error falls while the map improves and rises once noise is fitted; the weights of
    its minimum are kept.

    Parameters
    ----------
    setup : Setup
        The network and its volume; the network's weights change.
    voxel_size : (3,) tuple of float
        Edge lengths in mm.
    weight : (1, 1, x, y, z) tensor
        W of the data term, 0 to 1.
    how : FitOptions
        Its options.

    Raises
    ------
    InputError
        If memory runs out.
    """
    try:
        return _fine_tune(setup, voxel_size, weight.to(setup.device), how)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        needed = bytes_needed(math.prod(setup.shape), next(unets(setup.model)), training=True)
        raise InputError(
            f"Memory ran out: fitting a network to {'x'.join(map(str, setup.shape))} voxels takes "
            f"about {needed / 1e9 + 1:.0f} GB; use a trained network without fine-tuning, or a "
            "computer with more memory."
        ) from error


def _fine_tune(
    setup: Setup, voxel_size: tuple[float, ...], weight: Tensor, how: FitOptions
) -> Tuned:
    model, mask, dipole = setup.model, setup.mask, setup.dipole
    blinded, hidden = hold_out(setup, how.held_out, how.seed)
    seen_weight, hidden_weight = weight * (mask - hidden), weight * hidden
    optimizer = torch.optim.Adam(model.parameters(), how.learning_rate)
    apply, losses, errors = setup.apply(), [], []
    progress = Progress("whole volume", how.iterations)
    start = kept = copy.deepcopy(model.state_dict())
    best = 0
    for iteration in range(how.iterations + 1):
        chi = model(blinded, mask, dipole, domain=setup.domain, apply=apply)
        loss = data_term(chi, setup.field, seen_weight, dipole)
        loss = loss + how.total_variation * total_variation(chi, mask, voxel_size)
        losses.append(float(loss.detach()))
        with torch.no_grad():
            errors.append(float(data_term(chi, setup.field, hidden_weight, dipole, hidden)))
        progress(iteration, losses[-1])
        if errors[-1] < errors[best]:
            best, kept = iteration, copy.deepcopy(model.state_dict())
        if iteration - best >= how.patience or iteration == how.iterations:
            break
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    if not errors[best] <= (1 - how.gain) * errors[0]:
        best, kept = 0, start
    model.load_state_dict(kept)
    with torch.inference_mode():
        chi = demean(model(setup.field, mask, dipole, domain=setup.domain, apply=apply), mask)
        if how.consistency and not isinstance(model, ConsistentNet):
            chi = data_consistency(chi, setup.field, mask, dipole, how.consistency)
    return Tuned(chi, losses, errors, best)


def hold_out(setup: Setup, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Return the field without the voxels that are held out, and which they are.

    Parameters
    ----------
    setup : Setup
        The volume.
    share : float
        Of the mask's voxels to hold out.
    seed : int
        Which voxels.

    Returns
    -------
    blinded : (1, 1, x, y, z) tensor
        Field in ppm, that of the held-out voxels replaced by their neighbours'.
    hidden : (1, 1, x, y, z) tensor
        1 at the voxels held out, else 0.
    """
    mask = setup.mask
    chance = torch.Generator("cpu").manual_seed(seed)
    # the same on every device
    drawn = torch.rand(mask.shape, generator=chance, device="cpu").to(mask.device)
    hidden = (drawn < share).to(mask.dtype) * mask
    return torch.where(hidden > 0, _neighbours(setup.field, mask - hidden), setup.field), hidden


def _neighbours(field: Tensor, seen: Tensor) -> Tensor:
    """Return the mean of the seen voxels among each voxel's 26 neighbours."""

    def box(image: Tensor) -> Tensor:
        return functional.avg_pool3d(image, 3, stride=1, padding=1)

    return box(field * seen) / box(seen).clamp(min=1e-6)
