"""How each network is trained: named, frozen, and written into the weights' model card."""

from __future__ import annotations

from dataclasses import replace

from qsmbids.errors import UsageError
from qsmbids.training.degrade import CLEAN, Degradation
from qsmbids.training.grain import Grain
from qsmbids.training.recipe import Recipe

__all__ = ["RECIPES", "Recipe", "find_recipe"]


_NET = {"base": 16, "levels": 5}
# Every measured field has been through a background removal, which keeps more than its sources.
_REMOVED = Degradation(removal=0.35, fibres=0.6, grain=0.5)
_GRAINY = Grain(share=0.85)
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
            degradation=_REMOVED,
            grain=_GRAINY,
            patches={64: 0.85, 96: 0.15},
            learning_rate=5e-4,
        ),
        Recipe(
            name="dcnet2",
            architecture="consistent",
            config={**_NET, "iterations": 2},
            degradation=_REMOVED,
            grain=_GRAINY,
            patches={64: 0.85, 96: 0.15},
            learning_rate=5e-4,
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
        Recipe(
            name="brainmask",
            architecture="brainmask",
            config={"base": 32, "levels": 4},
            objective="distance",
            worlds={"label-maps": 1.0},
            patches={64: 0.8, 96: 0.2},
            steps=20_000,
        ),
        Recipe(
            name="uncertainty",
            architecture="spread",
            config={"base": 8, "levels": 4},
            objective="spread",
            degradation=Degradation(removal=0.65, clean=0.4, noise=0.03, quiet=1 / 200),
            steps=4_000,
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
