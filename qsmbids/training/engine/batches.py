"""The batches of a recipe: batch number N is always the same, and made when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from qsmbids.training.data import OF_SUBJECTS
from qsmbids.training.data.batches import Batch, collate, pick
from qsmbids.training.data.sources import TARGET, Data
from qsmbids.training.engine.distributed import Distributed
from qsmbids.training.engine.process import ignore_interrupts
from qsmbids.training.methods.recipe import Recipe

CHECKED = {64: 1.0}
"""Patches of simulated samples on which weights are scored: the same for every recipe."""


class Batches(Dataset[Batch]):
    """The batches of a recipe by number.

    Parameters
    ----------
    recipe : Recipe
        What to make.
    data : Data, optional
        The folders that its sources need.
    """

    def __init__(self, recipe: Recipe, data: Data | None = None):
        self.recipe, self.samplers = recipe, recipe.samplers(data or Data())

    def __getitem__(self, number: int) -> Batch:
        """Return batch ``number``."""
        rng = np.random.default_rng([self.recipe.seed, 0, number])
        return self.recipe.make_batch(rng, int(pick(rng, self.recipe.patches)), *self.samplers)


def validation_batches(recipe: Recipe, data: Data) -> dict[str, list[Batch]]:
    """Return four fixed batches by the name of their score, from what training never sees.

    They are the same whatever the recipe's seed. Those of a domain without labels are named after
    their source, with ``target`` before it.
    """
    checks: dict[str, list[Batch]] = {}
    for name, sampler in recipe.held_out(data).items():
        patches = recipe.patches if name.removeprefix(TARGET) in OF_SUBJECTS else CHECKED
        checks[name] = []
        for number in range(4):
            rng = np.random.default_rng([0, 1, number])
            size = int(pick(rng, patches))
            checks[name].append(collate([sampler(rng, size) for _ in range(recipe.batch)]))
    return checks


def load_batches(
    batches: Batches, step: int, processes: Distributed, workers: int
) -> Iterator[Batch]:
    """Yield a process's batches: those of one step follow each other in number.

    Parameters
    ----------
    batches : Batches
        All batches.
    step : int
        From which step on.
    processes : Distributed
        This process among all.
    workers : int
        Processes that make the batches; with 0 this one makes them itself.
    """
    count = processes.world_size
    loader: DataLoader[Batch] = DataLoader(
        batches,
        batch_size=None,
        sampler=range(step * count + processes.rank, 2**31 - 1, count),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=ignore_interrupts,
        pin_memory=processes.device.type == "cuda",
    )
    return iter(loader)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Return a batch on a device."""
    return {key: value.to(device, non_blocking=True) for key, value in batch.items()}
