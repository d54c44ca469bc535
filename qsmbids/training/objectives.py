"""The loss of one step, by a recipe's objective."""

from __future__ import annotations

from torch import Tensor

from qsmbids.nets.dipole import Dipole
from qsmbids.nets.inversion import Inversion
from qsmbids.nets.losses import (
    LABEL_LOSSES,
    consistency_loss,
    consistency_weight,
    data_term,
    masked_mean,
    total_variation,
)
from qsmbids.training.recipes import Recipe
from qsmbids.training.samples import Batch


def dipole_of(batch: Batch, prefix: str = "") -> Dipole:
    """Return the dipole of a batch."""
    return Dipole(batch[prefix + "kernel"], tuple(batch[prefix + "padded"].tolist()))


def step_loss(model: Inversion, batch: Batch, recipe: Recipe, progress: float) -> Tensor:
    """Return the loss of one step.

    Parameters
    ----------
    model : Inversion
        The network.
    batch : dict
        See `qsmbids.training.samples.Samples`.
    recipe : Recipe
        Which objective, and the weights of its terms.
    progress : float
        Share of the training that is done, 0 to 1.
    """
    if recipe.objective == "field":
        return field_loss(model, batch, recipe, progress)
    chi = model(batch["field"], batch["mask"], dipole_of(batch))
    loss = LABEL_LOSSES[recipe.label_loss](chi, batch["chi"], batch["mask"])
    if recipe.objective == "domains":
        # the target's weight grows while the network learns from labels what an inversion is
        loss = loss + progress * target_loss(model, batch, recipe)
    return loss


def field_loss(model: Inversion, batch: Batch, recipe: Recipe, progress: float) -> Tensor:
    """Return uQSM's loss, and uQSM+'s where the batch holds added sources."""
    field, mask, dipole = batch["field"], batch["mask"], dipole_of(batch)
    chi = model(field, mask, dipole)
    loss = recipe.data_weight * data_term(chi, field, batch["weight"], dipole)
    loss = loss + recipe.tv * total_variation(chi, mask)
    if "source" in batch:
        error = consistency_loss(
            model, chi, field, mask, dipole, source=(batch["source"], batch["source_field"])
        )
        loss = loss + consistency_weight(progress, *recipe.consistency) * error
    return loss


def target_loss(model: Inversion, batch: Batch, recipe: Recipe) -> Tensor:
    """Return the data term and total variation of the unlabelled domain."""
    field, mask = batch["target_field"], batch["target_mask"]
    dipole = dipole_of(batch, "target_")
    chi = model(field, mask, dipole, domain=1)
    data = data_term(chi, field, batch["target_weight"], dipole)
    return recipe.data_weight * data + recipe.tv * total_variation(chi, mask)


def nrmse(chi: Tensor, batch: Batch) -> Tensor:
    """Return each sample's error in % of the label's norm over the mask, both of zero mean."""
    mask, label = batch["mask"], batch["chi"]
    error = masked_mean((chi - label) ** 2, mask) - masked_mean(chi - label, mask) ** 2
    norm = masked_mean(label**2, mask) - masked_mean(label, mask) ** 2
    return 100 * (error.clamp(min=0) / norm.clamp(min=1e-12)).sqrt()
