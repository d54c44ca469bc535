"""The network of a recipe: made, started from other weights, with its loss, its running mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from qsmbids.errors import InputError, UsageError
from qsmbids.networks.architectures import ARCHITECTURES
from qsmbids.networks.base import Network
from qsmbids.networks.weights import load_weights
from qsmbids.networks.weights_file import digest, locate
from qsmbids.training.data.batches import Batch
from qsmbids.training.methods.recipe import Recipe


def build(recipe: Recipe) -> Network:
    """Return the recipe's network with fresh weights.

    Raises
    ------
    UsageError
        If there is no such architecture, or it does not take the recipe's ``config``.
    """
    if recipe.architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise UsageError(f"There is no architecture {recipe.architecture!r}; choose from: {known}.")
    network: type[Network] = ARCHITECTURES[recipe.architecture].load()
    try:
        return network(**recipe.config)
    except (TypeError, ValueError) as error:
        raise UsageError(f"The config of the recipe {recipe.name} cannot be used: {error}.") from (
            error
        )


def start_from(model: Network, weights: Path | str, name: str) -> dict[str, Any]:
    """Put given weights into a network of the recipe ``name``; return which they are.

    Parameters
    ----------
    model : Network
        The recipe's network.
    weights : path-like
        A weights file, or the name of one that the package ships.
    name : str
        The recipe's name.

    Raises
    ------
    InputError
        If the file cannot be used or its network is another.
    """
    path = locate(weights)
    other, card = load_weights(path, Network)
    known = other.state_dict()
    # a second domain starts from the statistics of the first
    state = {
        key: known.get(key, known.get(key.replace(".norms.1.", ".norms.0.")))
        for key in model.state_dict()
    }
    try:
        model.load_state_dict({key: value for key, value in state.items() if value is not None})
    except RuntimeError as error:
        raise InputError(
            f"{path} does not fit the network of the recipe {name}; start from weights of the "
            f"same architecture ({model.name}) and config."
        ) from error
    return {"name": card.get("name"), "sha256": digest(path)}


def parameter_groups(model: Network, learning_rate: float) -> list[dict[str, Any]]:
    """Return the parameters for an optimizer: the few single numbers learn ten times faster."""
    single = [p for name, p in model.named_parameters() if name in ("trust", "doubt")]
    rest = [p for name, p in model.named_parameters() if name not in ("trust", "doubt")]
    both = ({"params": rest, "lr": learning_rate}, {"params": single, "lr": 10 * learning_rate})
    return [group for group in both if group["params"]]


class StepLoss(nn.Module):
    """A network together with its loss, so that one call is one step.

    Distributed training wants that: it gathers the gradients once a call, and a loss may use
    the network more than once.
    """

    def __init__(self, model: Network, recipe: Recipe):
        super().__init__()
        self.model, self.recipe = model, recipe

    def forward(self, batch: Batch, progress: float) -> Tensor:
        """Return the recipe's loss."""
        return self.recipe.loss(self.model, batch, progress)


def averaged_model(model: Network, decay: float) -> AveragedModel:
    """Return torch's exponential running mean of a network, which forgets faster at first.

    Parameters
    ----------
    model : Network
        The network; its copy computes in evaluation mode, without gradients.
    decay : float
        Share of the mean that a step keeps, in the end; 0 to keep the weights themselves.
    """

    def update(averaged: Any, current: Any, count: Any) -> None:
        done = int(count) + 1
        now = min(decay, (1 + done) / (10 + done))
        get_ema_multi_avg_fn(now)(averaged, current, count)  # type: ignore[no-untyped-call]

    mean = AveragedModel(model, multi_avg_fn=update, use_buffers=True)
    return mean.requires_grad_(False).eval()
