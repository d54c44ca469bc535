"""How each network is trained: named, frozen, and written into the weights' model card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from qsmbids.errors import UsageError
from qsmbids.training.degrade import CLEAN, Degradation


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights besides the number of steps.

    Parameters
    ----------
    name : str
        The recipe's name.
    architecture, config
        The network and its arguments, see ``qsmbids.nets.inversion.ARCHITECTURES``.
    objective : {"labels", "field", "domains"}
        Learn from labels; from the field alone, by the data term and total variation; or from
        labels of one domain and fields of another.
    label_loss : {"l1", "l2", "root-l2"}
        For labels; each sample's loss is relative to its own label.
    worlds : mapping of str to float
        ``shapes`` and ``heads``, with the share of each in the samples.
    degradation : Degradation
        How real the fields are.
    target : Degradation
        How real those of the domain without labels are.
    patches : mapping of int to float
        Edge lengths of the patches in voxels, multiples of 16, with their shares.
    batch : int
        Samples a step.
    data_weight, tv : float
        Weights of the data term and of total variation.
    perturbation : str or None
        Shape of the added sources whose consistency is asked for (uQSM+); none by default.
    consistency : (2,) tuple of float
        Highest and last weight of that consistency.
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
    """

    name: str
    architecture: str = "direct"
    config: Mapping[str, Any] = field(default_factory=dict)
    objective: str = "labels"
    label_loss: str = "l1"
    worlds: Mapping[str, float] = field(default_factory=lambda: {"shapes": 0.6, "heads": 0.4})
    degradation: Degradation = field(default_factory=Degradation)
    target: Degradation = field(default_factory=Degradation)
    patches: Mapping[int, float] = field(default_factory=lambda: {64: 1.0})
    batch: int = 2
    data_weight: float = 1.0
    tv: float = 0.0
    perturbation: str | None = None
    consistency: tuple[float, float] = (1.5, 0.1)
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    clip: float = 1.0
    ema: float = 0.998
    seed: int = 0
    steps: int = 10_000

    def card(self) -> dict[str, Any]:
        """Return the recipe as plain values."""
        return asdict(self)


_NET = {"base": 16, "levels": 5}
_UQSM = Recipe(
    name="uqsm",
    config=_NET,
    objective="field",
    worlds={"heads": 1.0},
    degradation=replace(CLEAN, noise=0.005, scale=(0.7, 1.4)),
    patches={64: 1.0},
    tv=0.06,
    learning_rate=5e-4,
    schedule="exponential",
    ema=0.0,
    steps=3_000,
)
_QSMINVNET = Recipe(
    name="qsminvnet",
    config={**_NET, "norm": "batch", "slope": 0.0},
    worlds={"heads": 1.0},
    degradation=replace(CLEAN, noise=0.005, scale=(0.5, 1.5)),
    patches={64: 1.0},
    steps=6_000,
)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="dcnet",
            architecture="consistent",
            config={**_NET, "iterations": 1},
            patches={64: 0.85, 96: 0.15},
        ),
        Recipe(
            name="dcnet2",
            architecture="consistent",
            config={**_NET, "iterations": 2},
            patches={64: 0.85, 96: 0.15},
        ),
        Recipe(
            name="synthnet",
            config=_NET,
            label_loss="l2",
            worlds={"shapes": 1.0},
            degradation=replace(CLEAN, noise=0.01, scale=(0.1, 2.0)),
        ),
        _UQSM,
        replace(_UQSM, name="uqsm+", perturbation="ellipsoid"),
        _QSMINVNET,
        replace(
            _QSMINVNET,
            name="qsminvnet+",
            config={**_NET, "norm": "domain", "domains": 2, "slope": 0.0},
            objective="domains",
            tv=0.06,
        ),
    )
}


def find_recipe(name: str) -> Recipe:
    """Return the recipe of that name.

    Raises
    ------
    UsageError
        If there is none.
    """
    if name not in RECIPES:
        raise UsageError(f"{name!r} is no training recipe; choose from: {', '.join(RECIPES)}.")
    return RECIPES[name]
