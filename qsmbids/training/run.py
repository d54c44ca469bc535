"""The one entry to a training: data, device, processes, start or resume, files."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from qsmbids.freed_memory import keep_freed_memory
from qsmbids.training.data.simulated_heads import make_heads
from qsmbids.training.data.sources import Data
from qsmbids.training.engine import checkpoint
from qsmbids.training.engine.callbacks import usual_callbacks
from qsmbids.training.engine.distributed import Distributed, distributed
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
    start: Path | str | None = None,
    device: str = "cpu",
    bfloat16: bool | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    begun: float | None = None,
    workers: int = 1,
    threads: int | None = None,
    resume: bool = False,
    log: Callable[[str], None] = print,
) -> Path:
    """Train a network; stopped by SIGTERM or Ctrl-C, save and return.

    Started by ``torchrun`` in several processes, each takes its own GPU and its own batches,
    and the first alone writes and speaks.

    Parameters
    ----------
    recipe : Recipe
        What to train, and how; see `qsmbids.training.methods.find_recipe`.
    out : Path
        Folder of weights, card, checkpoint and curves.
    heads : Path, optional
        Folder of simulated heads, ``heads`` beside ``out`` by default; made if they are not there.
    head_count : int
        How many heads to simulate.
    subjects : Path, optional
        A store of subjects, see `qsmbids.training.data.subjects`, for the sources ``maps`` and
        ``fields``.
    held_out : sequence of str
        Its subjects kept for validation; by default the last by name, if there are two.
    start : path-like, optional
        Weights to start from: a file, or the name of weights that the package ships.
    device : str
        ``cpu``, ``cuda``, or ``auto`` for a GPU if there is one.
    bfloat16 : bool, optional
        Run the U-Nets in bfloat16; by default where the device computes in it faster.
    steps, minutes
        When to stop; the schedule stretches to it. The recipe's steps by default.
    begun : float, optional
        When the preparation began, by `time.monotonic`; the minutes count from then on. By default
        now, before simulated heads are made.
    workers : int
        Processes that make data, for each process that trains.
    threads : int, optional
        Threads of the trainer; as many as before by default.
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
    begun = time.monotonic() if begun is None else begun
    keep_freed_memory()
    if threads is not None:
        torch.set_num_threads(threads)
    with distributed(device) as processes:
        say = log if processes.is_first else _silent
        folder = _simulated_heads(recipe, heads or out.parent / "heads", head_count, processes, say)
        trainer = Trainer(
            recipe,
            out,
            data=Data(folder, subjects, tuple(held_out)),
            processes=processes,
            start=start,
            use_bfloat16=bfloat16,
            log=say,
        )
        if resume and checkpoint.resume(trainer):
            say(f"going on from step {trainer.clock.step}")
        if "held_out" in trainer.about_data and not trainer.about_data["held_out"]:
            say("no subject is held out: the scores of the subjects are those of training")
        callbacks = usual_callbacks()
        trainer.run(
            steps=steps,
            minutes=minutes,
            prepared=time.monotonic() - begun,
            workers=workers,
            callbacks=callbacks,
        )
    return out / "weights.safetensors"


def _simulated_heads(
    recipe: Recipe, folder: Path, count: int, processes: Distributed, log: Callable[[str], None]
) -> Path | None:
    """Return the folder of simulated heads, made by the first process if the recipe has them."""
    if "heads" not in recipe.all_sources:
        return None
    if processes.is_first:
        make_heads(folder, count, log=log)
    processes.wait()
    return folder


def _silent(line: str) -> None:
    """Take a line of progress and say nothing."""
