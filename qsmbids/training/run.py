"""The one door to a training: data, device, processes, start or resume, files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from qsmbids.networks.weights_file import bundled
from qsmbids.training.data.simulated_heads import make_heads
from qsmbids.training.data.sources import Data
from qsmbids.training.engine.distributed import Ranks, joined
from qsmbids.training.engine.trainer import Trainer
from qsmbids.training.methods.recipe import Recipe


def train(  # noqa: PLR0913
    recipe: Recipe,
    out: Path,
    *,
    heads: Path | None = None,
    head_count: int = 12,
    subjects: Path | None = None,
    held_out: Sequence[str] = (),
    start: Path | None = None,
    device: str = "cpu",
    bfloat16: bool | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    workers: int = 1,
    resume: bool = False,
    log: Callable[[str], None] = print,
) -> Path:
    """Train a network; stopped by SIGTERM or Ctrl-C, save and return.

    Started by ``torchrun`` in several processes, each takes its own GPU and its own batches,
    and the first alone writes and speaks.

    Parameters
    ----------
    recipe : Recipe
        What to train, and how; see `qsmbids.training.methods.recipes.find_recipe`.
    out : Path
        Folder of weights, card, checkpoint and curves.
    heads : Path, optional
        Folder of simulated heads, ``heads`` beside ``out`` by default; made if they are not there.
    head_count : int
        How many heads to simulate.
    subjects : Path, optional
        A store of subjects, see `qsmbids.training.data.subjects`, for the worlds ``maps`` and
        ``fields``.
    held_out : sequence of str
        Its subjects kept for validation; by default the last by name, if there are two.
    start : Path, optional
        Weights to start from.
    device : str
        ``cpu``, ``cuda``, or ``auto`` for a GPU if there is one.
    bfloat16 : bool, optional
        Run the U-Nets in bfloat16; by default where the device computes in it faster.
    steps, minutes
        When to stop; the schedule stretches to it. The recipe's steps by default.
    workers : int
        Processes that make data, for each process that trains.
    resume : bool
        Go on from the checkpoint in ``out``, if there is one.
    log : callable
        Takes the lines of progress.

    Returns
    -------
    Path
        The weights file; its card lies beside it.

    Raises
    ------
    InputError
        If data, start weights or checkpoint cannot be used, or the training diverges.
    UsageError
        If there is no such device.
    """
    if recipe.objective == "spread" and not recipe.networks:
        recipe = replace(recipe, networks=tuple(bundled("inversion")))  # the card is to name them
    with joined(device) as ranks:
        say = log if ranks.first else _silent
        data = Data(
            _simulated(recipe, heads or out.parent / "heads", head_count, ranks, say),
            subjects,
            tuple(held_out),
        )
        trainer = Trainer(
            recipe, out, data=data, ranks=ranks, start=start, use_bfloat16=bfloat16, log=say
        )
        if resume and trainer.resume():
            say(f"going on from step {trainer.clock.step}")
        if "held_out" in trainer.about_data and not trainer.about_data["held_out"]:
            say("no subject is held out: the scores of the subjects are those of training")
        trainer.run(steps=steps, minutes=minutes, workers=workers)
    return out / "weights.safetensors"


def _simulated(
    recipe: Recipe, folder: Path, count: int, ranks: Ranks, log: Callable[[str], None]
) -> Path | None:
    """Return the folder of simulated heads, made by the first process if the recipe has them."""
    if "heads" not in recipe.all_worlds:
        return None
    if ranks.first:
        make_heads(folder, count, log=log)
    ranks.wait()
    return folder


def _silent(line: str) -> None:
    """Take a line of progress and say nothing."""
