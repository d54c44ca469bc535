"""Fine-tuning a network on one subject's field, stopped before it fits noise."""

from __future__ import annotations

import copy
import logging
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from qsmbids.errors import InputError
from qsmbids.inference.fit_options import FitOptions
from qsmbids.inference.predictor import Predictor
from qsmbids.inference.tiles import bytes_needed
from qsmbids.networks.base import unets
from qsmbids.networks.device import is_out_of_memory
from qsmbids.networks.losses import data_term, total_variation

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FitResult:
    """What the fit of a network to one field gives.

    Attributes
    ----------
    chi : (1, 1, x, y, z) tensor
        Susceptibility in ppm of the best iteration, zero mean over the mask.
    before : tensor or None
        The map of the network as it came; None if that was kept.
    loss, held_out : list of float
        The loss, and the data term of the voxels left out of it, of each iteration.
    best : int
        The iteration that was kept; 0 is the network as it came.
    """

    chi: Tensor
    before: Tensor | None
    loss: list[float]
    held_out: list[float]
    best: int


def fine_tune(predictor: Predictor, options: FitOptions) -> FitResult:
    """Fit a network to one field by the data term and total variation.

    A share of the voxels is kept from it altogether: they are left out of the data term, and in
    the input their field is that of their neighbours, since a network could otherwise pass it
    on. Their error falls while the map improves and rises once noise is fitted; the weights of
    its minimum are kept.

    Parameters
    ----------
    predictor : Predictor
        The network and its volume; the network's weights change.
    options : FitOptions
        How to fit.

    Raises
    ------
    InputError
        If memory runs out.
    """
    try:
        result = _fine_tune(predictor, options)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        unet, shape = next(unets(predictor.model)), predictor.shape
        needed = bytes_needed(math.prod(shape), unet, training=True)
        raise InputError(
            f"Memory ran out: fitting a network to {'x'.join(map(str, shape))} voxels takes "
            f"about {needed / 1e9 + 1:.0f} GB; use a trained network without fine-tuning, or a "
            "computer with more memory."
        ) from error
    LOG.info(
        "the fit kept iteration %d of %d; held-out error %.4g at first, %.4g at the end",
        *(result.best, len(result.loss) - 1, result.held_out[0], result.held_out[result.best]),
    )
    return result


def _fine_tune(predictor: Predictor, options: FitOptions) -> FitResult:
    model, mask, dipole = predictor.model, predictor.mask, predictor.dipole
    weight, voxel_size = predictor.weight(), predictor.problem.voxel_size
    blinded, hidden = hold_out(predictor, options.held_out, options.seed)
    seen_weight, hidden_weight = weight * (mask - hidden), weight * hidden
    optimizer = torch.optim.Adam(model.parameters(), options.learning_rate)
    apply, losses, errors = predictor.apply(), [], []
    start = kept = copy.deepcopy(model.state_dict())
    best = 0
    for iteration in range(options.iterations + 1):
        chi = predictor.run(blinded, apply)
        loss = data_term(chi, predictor.field, seen_weight, dipole)
        loss = loss + options.total_variation * total_variation(chi, mask, voxel_size)
        losses.append(float(loss.detach()))
        with torch.no_grad():
            error = data_term(chi, predictor.field, hidden_weight, dipole, hidden)
        errors.append(float(error))
        log_iteration(iteration, options.iterations, losses[-1])
        if errors[-1] < errors[best]:
            best, kept = iteration, copy.deepcopy(model.state_dict())
        if iteration - best >= options.patience or iteration == options.iterations:
            break
        step(optimizer, loss)
    if not errors[best] <= (1 - options.gain) * errors[0]:
        best, kept = 0, start
    before = _map_of(start, predictor, options) if best else None
    return FitResult(_map_of(kept, predictor, options), before, losses, errors, best)


def _map_of(state: dict[str, Any], predictor: Predictor, options: FitOptions) -> Tensor:
    """Return the map of the network with the weights ``state``, which it keeps."""
    predictor.model.load_state_dict(state)
    with torch.inference_mode():
        return predictor.with_consistency(predictor(), options.consistency)


def step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Take one step of an optimizer down the gradient of a loss."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def log_iteration(iteration: int, most: int, loss: float) -> None:
    """Log how far a fit is, every tenth iteration."""
    if iteration % 10 == 0:
        LOG.info("iteration %d of at most %d, loss %.4g", iteration, most, loss)


def hold_out(predictor: Predictor, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Return the field without the voxels that are held out, and which they are.

    Parameters
    ----------
    predictor : Predictor
        With the volume.
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
    field, mask = predictor.field, predictor.mask
    rng = torch.Generator("cpu").manual_seed(seed)  # the same on every device
    drawn = torch.rand(mask.shape, generator=rng, device="cpu").to(mask.device)
    hidden = (drawn < share).to(mask.dtype) * mask
    return torch.where(hidden > 0, _mean_of_neighbours(field, mask - hidden), field), hidden


def _mean_of_neighbours(field: Tensor, seen: Tensor) -> Tensor:
    """Return the mean of the seen voxels among each voxel's 26 neighbours."""

    def box(image: Tensor) -> Tensor:
        return functional.avg_pool3d(image, 3, stride=1, padding=1)

    return box(field * seen) / box(seen).clamp(min=1e-6)
