"""The methods of training by name: each is one file with its loss, recipe and paper."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from qsmbids.errors import UsageError, meant

if TYPE_CHECKING:
    from qsmbids.training.methods.recipe import Recipe

RECIPES = {
    "dcnet": "qsmbids.training.methods.dcnet:DCNET",
    "synthnet": "qsmbids.training.methods.jochmann:SYNTHNET",
    "uqsm": "qsmbids.training.methods.uqsm:UQSM",
    "uqsm+": "qsmbids.training.methods.uqsm_plus:UQSM_PLUS",
    "qsminvnet": "qsmbids.training.methods.qsminvnet:QSMINVNET",
    "qsminvnet+": "qsmbids.training.methods.qsminvnet_plus:QSMINVNET_PLUS",
    "brainmask": "qsmbids.training.methods.brainmask:BRAINMASK",
    "uncertainty": "qsmbids.training.methods.uncertainty:UNCERTAINTY",
}
"""Where each recipe stands, as ``"package.module:NAME"``; imported at first use."""


def find_recipe(name: str) -> Recipe:
    """Return the recipe of that name.

    Raises
    ------
    UsageError
        If there is none.
    """
    if name not in RECIPES:
        known = ", ".join(RECIPES)
        raise UsageError(
            f"{name!r} is no training recipe; choose from: {known}.{meant(name, RECIPES)}"
        )
    module, attribute = RECIPES[name].split(":")
    recipe: Recipe = getattr(import_module(module), attribute)
    return recipe
