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
from qsmbids.files import whole_file
from qsmbids.training.data.sources import score_name
from qsmbids.training.engine.trainer import Trainer
from qsmbids.training.methods import RECIPES, find_recipe
from qsmbids.training.methods.recipe import Recipe

NAME = "checkpoint.pt"
FREE = ("steps",)
"""Fields of a recipe that may change between stopping and going on."""


def write_checkpoint(trainer: Trainer) -> None:
    """Write all that a resume needs into the training's folder, whole or not at all."""
    with whole_file(trainer.out / NAME) as stream:
        torch.save(trainer.state_dict(), stream)


def resume(trainer: Trainer) -> bool:
    """Let a training go on from its folder's checkpoint; False where there is none.

    Raises
    ------
    InputError
        If the checkpoint is damaged, or of another recipe, other options or other data.
    """
    path = trainer.out / NAME
    if not path.exists():
        return False
    try:
        state = torch.load(path, map_location=trainer.processes.device, weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(f"{path} is damaged; delete it to start anew.") from error
    _check_same(path, state, trainer)
    trainer.load_state_dict(state)
    return True


def _check_same(path: Path, state: Mapping[str, Any], trainer: Trainer) -> None:
    recipe, rest = trainer.recipe, "choose another output folder, or do not resume"
    if "averaged" not in state:
        raise InputError(f"{path} is of an earlier version; {rest}, but --start from its weights.")
    if state["recipe"] != recipe.name:
        raise InputError(f"{path} is of the recipe {state['recipe']}, not {recipe.name}; {rest}.")
    then, now = state["options"], recipe.card()
    # a field that only one of them knows is of another version, where it had no choice
    changed = [key for key in then if key in now and then[key] != now[key] and key not in FREE]
    if changed:
        key = changed[0]
        raise InputError(f"{path} was trained with {key} {then[key]}, not {now[key]}; {rest}.")
    if state["data"] != trainer.about_data:
        raise InputError(f"{path} was trained on other data; {rest}.")


def model_card(trainer: Trainer) -> dict[str, Any]:
    """Return all that is needed to judge a training's weights and to train them again."""
    recipe, data, processes = trainer.recipe, trainer.about_data, trainer.processes
    together: dict[str, dict[str, float]] = {}
    for source, value in trainer.scores.items():
        name = score_name(recipe.measure(source), source, data)
        together.setdefault(f"{name} in %", {})[source] = value
    return {
        "name": recipe.name,
        "version": __version__,
        "commit": commit(),
        "recipe": recipe.card(),
        "overrides": overrides(recipe),
        "seed": recipe.seed,
        "start": trainer.started_from,
        "data": dict(data),
        "device": device_name(processes.device),
        "processes": processes.world_size,
        "steps": trainer.clock.step,
        "minutes": round(trainer.clock.spent / 60, 1),
        "scores": together,
    }


def overrides(recipe: Recipe) -> dict[str, Any]:
    """Return the fields in which a recipe differs from the one of its name, as plain values."""
    if recipe.name not in RECIPES:
        return recipe.card()
    usual = find_recipe(recipe.name).card()
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
