"""What every method of training has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor

from qsmbids.networks.base import Network
from qsmbids.options import with_options
from qsmbids.training.data.batches import Batch, collate
from qsmbids.training.data.sources import Data
from qsmbids.training.methods.schedules import SCHEDULES

Sampler = Callable[[np.random.Generator, int], dict[str, Any]]
"""From a random generator and the edge of a patch in voxels to a sample, see `collate`."""
OLD_NAMES = {
    "degradation": "corruption",
    "worlds": "sources",
    "target_worlds": "target_sources",
}
"""Options under the names that they have in model cards of earlier versions."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights besides the number of steps: a method of training.

    A method is a subclass with a loss, a score and samples; its fields are the options that a
    user may change by name, and stand in the weights' model card.

    Parameters
    ----------
    name : str
        The recipe's name.
    architecture, config
        The network and its arguments, see ``qsmbids.networks.architectures.ARCHITECTURES``.
    patches : mapping of int to float
        Edge lengths of the patches in voxels, multiples of 16, with their shares.
    batch : int
        Samples a step.
    learning_rate : float
        Adam's, at its highest.
    schedule : {"cosine", "exponential"}
        Down to a fiftieth over the training, or by 1/e every 2,000 steps.
    clip : float
        Largest norm of the gradient.
    ema : float
        Decay of the running mean of the weights, which is what is kept; 0 for none.
    seed : int
        Of weights and data.
    steps : int
        How many, unless told otherwise.

    Raises
    ------
    ValueError
        If a value is out of its range, or two do not go together.
    """

    unlabelled: ClassVar[str] = ""
    """Name of the option that says where fields without labels come from; empty without such."""

    name: str
    architecture: str = "direct"
    config: Mapping[str, Any] = field(default_factory=dict)
    patches: Mapping[int, float] = field(default_factory=lambda: {64: 1.0})
    batch: int = 2
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    clip: float = 1.0
    ema: float = 0.998
    seed: int = 0
    steps: int = 10_000

    def __post_init__(self) -> None:
        check_shares("patches", self.patches)
        if any(size < 16 or size % 16 for size in self.patches):
            raise ValueError("the edges of patches must be multiples of 16")
        check_choice("schedule", [self.schedule], SCHEDULES)
        self.check_numbers("batch", "learning_rate", "clip", "steps", zero=False)
        self.check_numbers("seed")
        if not 0 <= self.ema < 1:
            raise ValueError("ema must be at least 0 and below 1")

    def check_numbers(self, *names: str, zero: bool = True) -> None:
        """Raise ``ValueError`` if one of these fields is negative, or 0 where it may not be."""
        for name in names:
            value = getattr(self, name)
            if value < 0 or (value == 0 and not zero):
                raise ValueError(f"{name} must {'not be negative' if zero else 'be positive'}")

    @property
    def all_sources(self) -> tuple[str, ...]:
        """Names of what it learns from."""
        raise NotImplementedError

    def samplers(self, data: Data) -> tuple[Sampler, ...]:
        """Return what draws the samples of a training; `make_batch` is given all of them."""
        raise NotImplementedError

    def held_out(self, data: Data) -> dict[str, Sampler]:
        """Return what draws samples that training never sees, by the name of its score."""
        raise NotImplementedError

    def make_batch(self, rng: np.random.Generator, size: int, *samplers: Sampler) -> Batch:
        """Return a batch of patches of edge ``size``."""
        return collate([samplers[0](rng, size) for _ in range(self.batch)])

    def loss(self, model: Network, batch: Batch, progress: float) -> Tensor:
        """Return the loss of one step.

        Parameters
        ----------
        model : Network
            The network.
        batch : dict
            From `make_batch`.
        progress : float
            Share of the training that is done, 0 to 1.
        """
        raise NotImplementedError

    def score(self, model: Network, batch: Batch, domain: int = 0) -> Tensor:
        """Return how good the network is on each held-out sample of a domain; see `measure`."""
        raise NotImplementedError

    def measure(self, source: str) -> str:
        """Return what `score` measures in % on the samples of a source, of either domain."""
        raise NotImplementedError

    def with_options(self, options: Mapping[str, Any] | Iterable[str]) -> Self:
        """Return the recipe with some fields changed; see `qsmbids.options.with_options`.

        Raises
        ------
        UsageError
            If there is no such field, or the value is none that it takes.
        """
        return with_options(self, options, OLD_NAMES)

    def card(self) -> dict[str, Any]:
        """Return the recipe as plain values."""
        return asdict(self)


def check_choice(name: str, values: Iterable[str], choices: Collection[str]) -> None:
    """Raise ``ValueError``, with the choices, if a value is none of them."""
    if wrong := set(values) - set(choices):
        raise ValueError(f"there is no {name} {min(wrong)!r}; choose from: {', '.join(choices)}")


def check_shares(name: str, shares: Mapping[Any, float]) -> None:
    """Raise ``ValueError`` unless shares are not negative and one is positive."""
    if min(shares.values(), default=0) < 0 or sum(shares.values()) <= 0:
        raise ValueError(f"shares of {name} must not be negative, one must be positive")
