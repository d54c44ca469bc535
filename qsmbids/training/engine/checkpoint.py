"""What a training leaves on disk: checkpoints to go on from, and what a model card says."""

from __future__ import annotations

import pickle
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from qsmbids import __version__
from qsmbids.errors import InputError
from qsmbids.training.data.sources import score_name
from qsmbids.training.engine.distributed import Ranks
from qsmbids.training.engine.schedule import Clock
from qsmbids.training.methods.objectives import measure
from qsmbids.training.methods.recipe import Recipe
from qsmbids.training.methods.recipes import RECIPES

FREE = ("steps",)
"""Fields of a recipe that may change between stopping and going on."""


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint, whole or not at all."""
    temporary = path.with_suffix(".part")
    torch.save(dict(state), temporary)
    temporary.replace(path)


def read_checkpoint(
    path: Path, recipe: Recipe, data: Mapping[str, Any], device: torch.device
) -> dict[str, Any]:
    """Return a checkpoint of the very same training.

    Parameters
    ----------
    path : Path
        Written by `write_checkpoint`.
    recipe : Recipe
        The recipe that is to go on.
    data : mapping
        Its data, see `qsmbids.training.data.sources.Data.describe`.
    device : torch.device
        Where the tensors go.

    Raises
    ------
    InputError
        If it is damaged, or of another recipe, other options or other data.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(f"{path} is damaged; delete it to start anew.") from error
    rest = "choose another output folder, or do not resume"
    if state["recipe"] != recipe.name:
        raise InputError(f"{path} is of the recipe {state['recipe']}, not {recipe.name}; {rest}.")
    then, now = state.get("options", {}), recipe.card()
    # a field that only one of them knows is of another version, where it had no choice
    changed = [key for key in then if key in now and then[key] != now[key] and key not in FREE]
    if changed:
        key = changed[0]
        raise InputError(f"{path} was trained with {key} {then[key]}, not {now[key]}; {rest}.")
    if state.get("data", data) != data:
        raise InputError(f"{path} was trained on other data; {rest}.")
    return state


def model_card(
    recipe: Recipe,
    clock: Clock,
    ranks: Ranks,
    *,
    data: Mapping[str, Any],
    start: Mapping[str, Any] | None,
    scores: Mapping[str, float],
) -> dict[str, Any]:
    """Return the model card: all that is needed to judge the weights and to train them again.

    Parameters
    ----------
    recipe : Recipe
        With all overrides.
    clock : Clock
        How long the training has been.
    ranks : Ranks
        On what it runs.
    data : mapping
        See `qsmbids.training.data.sources.Data.describe`.
    start : mapping or None
        The weights it started from.
    scores : mapping of str to float
        The newest of each world, in %.
    """
    together: dict[str, dict[str, float]] = {}
    for world, value in scores.items():
        name = score_name(measure(recipe, world), world, data)
        together.setdefault(f"{name} in %", {})[world] = value
    return {
        "name": recipe.name,
        "version": __version__,
        "commit": commit(),
        "recipe": recipe.card(),
        "overrides": overrides(recipe),
        "seed": recipe.seed,
        "start": start,
        "data": dict(data),
        "device": device_name(ranks.device),
        "processes": ranks.world,
        "steps": clock.step,
        "minutes": round(clock.seconds / 60, 1),
        "scores": together,
    }


def overrides(recipe: Recipe) -> dict[str, Any]:
    """Return the fields in which a recipe differs from the one of its name, as plain values."""
    if recipe.name not in RECIPES:
        return recipe.card()
    usual = RECIPES[recipe.name].card()
    return {key: value for key, value in recipe.card().items() if value != usual[key]}


def device_name(device: torch.device) -> str:
    """Return what a card calls a device: the GPU's model, or its type."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def commit() -> str | None:
    """Return the commit of the sources, None where they are not in a git repository."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
