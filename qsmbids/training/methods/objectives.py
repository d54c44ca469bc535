"""The loss of one step, by a recipe's objective."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qsmbids.networks.base import Network
from qsmbids.networks.losses import (
    LABEL_LOSSES,
    consistency_loss,
    consistency_weight,
    data_term,
    dice,
    distance_loss,
    masked_mean,
    total_variation,
)
from qsmbids.training.data.batches import Batch, dipole_of
from qsmbids.training.methods.recipe import TARGET, Recipe
from qsmbids.training.methods.uncertainty import coverage, spread_loss


class StepLoss(nn.Module):
    """A network together with its loss, so that one call is one step.

    Distributed training wants that: it gathers the gradients once a call, and a loss may use
    the network more than once.

    Parameters
    ----------
    model : Network
        The network.
    recipe : Recipe
        What to minimise.
    """

    def __init__(self, model: Network, recipe: Recipe):
        super().__init__()
        self.model, self.recipe = model, recipe

    def forward(self, batch: Batch, progress: float) -> Tensor:
        """Return `step_loss`."""
        return step_loss(self.model, batch, self.recipe, progress)


def step_loss(model: Network, batch: Batch, recipe: Recipe, progress: float) -> Tensor:
    """Return the loss of one step.

    Parameters
    ----------
    model : Network
        The network.
    batch : dict
        See `qsmbids.training.data.batches.Samples`.
    recipe : Recipe
        Which objective, and the weights of its terms.
    progress : float
        Share of the training that is done, 0 to 1.
    """
    if recipe.objective == "spread":
        return spread_loss(model, batch, recipe.networks)
    if recipe.objective == "distance":
        return distance_loss(model(batch["image"]), batch["distance"], batch["mask"])
    if recipe.objective == "field":
        return field_loss(model, batch, recipe, progress)
    chi = model(batch["field"], batch["mask"], dipole_of(batch))
    loss = LABEL_LOSSES[recipe.label_loss](chi, batch["chi"], batch["mask"])
    if recipe.objective == "domains":
        # the target's weight grows while the network learns from labels what an inversion is
        loss = loss + progress * target_loss(model, batch, recipe)
    return loss


def field_loss(model: Network, batch: Batch, recipe: Recipe, progress: float) -> Tensor:
    """Return uQSM's loss, and uQSM+'s where the batch holds added sources."""
    mask, dipole = batch["mask"], dipole_of(batch)
    field = _noisy(batch)
    chi = model(field, mask, dipole)
    loss = _unlabelled(chi, batch, recipe)
    if "source" in batch:
        error = consistency_loss(
            model, chi, field, mask, dipole, source=(batch["source"], batch["source_field"])
        )
        loss = loss + consistency_weight(progress, *recipe.consistency) * error
    return loss


def target_loss(model: Network, batch: Batch, recipe: Recipe) -> Tensor:
    """Return the data term and total variation of the unlabelled domain."""
    chi = model(
        _noisy(batch, "target_"), batch["target_mask"], dipole_of(batch, "target_"), domain=1
    )
    return _unlabelled(chi, batch, recipe, "target_")


def _noisy(batch: Batch, prefix: str = "") -> Tensor:
    """Return the field as the network sees it."""
    field, mask = batch[prefix + "field"], batch[prefix + "mask"]
    noise = batch.get(prefix + "noise")
    return field if noise is None else (field + noise) * mask


def _unlabelled(chi: Tensor, batch: Batch, recipe: Recipe, prefix: str = "") -> Tensor:
    """Return data term and total variation, each sample's with its own voxel size."""
    field, mask, weight = (batch[prefix + key] for key in ("field", "mask", "weight"))
    data = data_term(chi, field, weight, dipole_of(batch, prefix))
    variation = [
        total_variation(chi[i : i + 1], mask[i : i + 1], voxel_size)
        for i, voxel_size in enumerate(batch[prefix + "voxel_size"].tolist())
    ]
    return recipe.data_weight * data + recipe.tv * torch.stack(variation).mean()


def measure(recipe: Recipe, world: str) -> str:
    """Return what `score` measures on the samples of a world, of either domain, in %."""
    if recipe.objective == "spread":
        return "coverage"
    if recipe.objective == "distance":
        return "Dice coefficient"
    return "field residual" if world.removeprefix(TARGET) == "fields" else "NRMSE"


def score(model: Network, batch: Batch, recipe: Recipe, domain: int = 0) -> Tensor:
    """Return how good the network is on each held-out sample of a domain's batch; see `measure`."""
    if recipe.objective == "spread":
        return coverage(model, batch, recipe.networks)
    if recipe.objective == "distance":
        inside, brain = model(batch["image"]) < 0, batch["distance"] < 0
        return 100 * dice(inside.float(), brain.float(), batch["mask"])
    chi = model(batch["field"], batch["mask"], dipole_of(batch), domain=domain)
    return nrmse(chi, batch) if "chi" in batch else field_residual(chi, batch)


def field_residual(chi: Tensor, batch: Batch) -> Tensor:
    """Return how much of each sample's field, weighted, the map leaves unexplained, in %.

    It tells whether a training goes on well, not how good the maps are: noise is part of it.
    """
    field, weight = batch["field"], batch["weight"]
    error = masked_mean((weight * (dipole_of(batch)(chi) - field)) ** 2, weight > 0)
    norm = masked_mean((weight * field) ** 2, weight > 0)
    return 100 * (error / norm.clamp(min=1e-12)).sqrt()


def nrmse(chi: Tensor, batch: Batch) -> Tensor:
    """Return each sample's error in % of the label's norm over the mask, both of zero mean."""
    mask, label = batch["mask"], batch["chi"]
    error = masked_mean((chi - label) ** 2, mask) - masked_mean(chi - label, mask) ** 2
    norm = masked_mean(label**2, mask) - masked_mean(label, mask) ** 2
    return 100 * (error.clamp(min=0) / norm.clamp(min=1e-12)).sqrt()
