"""One training in several processes: torch's distributed data parallel, started by torchrun."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from qsmbids.errors import UsageError

PATIENCE = timedelta(hours=1)
"""How long the other processes wait for the first, which simulates heads and validates."""


@dataclass(frozen=True)
class Ranks:
    """One process among those of a training, and what they do together.

    Attributes
    ----------
    device : torch.device
        Where this process computes.
    rank, world : int
        Its number, and how many there are.
    """

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that validates, saves and reports."""
        return self.rank == 0

    def share(self, module: nn.Module) -> nn.Module:
        """Return the module with gradients that are means over all processes."""
        return DistributedDataParallel(module) if self.world > 1 else module

    def largest(self, *values: float) -> list[float]:
        """Return the largest of each value over all processes, the same in each of them."""
        if self.world == 1:
            return [float(value) for value in values]
        together = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(together, dist.ReduceOp.MAX)
        return [float(value) for value in together.tolist()]

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.world > 1:
            dist.barrier()


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """Join the other processes, if torchrun started this one, and leave them at the end.

    Parameters
    ----------
    device : str
        ``auto`` for a GPU if there is one; with several processes each takes its own.

    Raises
    ------
    UsageError
        If there is no such device.
    """
    world, rank = (int(os.environ.get(name, default)) for name, default in
                   (("WORLD_SIZE", 1), ("RANK", 0)))  # fmt: skip
    chosen = pick_device(device, int(os.environ.get("LOCAL_RANK", 0)) if world > 1 else None)
    if world == 1:
        yield Ranks(chosen)
        return
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Ranks(chosen, rank, world)
    finally:
        dist.destroy_process_group()


def pick_device(name: str, number: int | None = None) -> torch.device:
    """Return the device of that name; ``number`` says which GPU of several.

    Raises
    ------
    UsageError
        If there is no such device.
    """
    count = torch.cuda.device_count()
    if name == "auto":
        name = "cuda" if count else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"There is no device {name!r}; choose auto, cpu or cuda.") from error
    if device.type != "cuda":
        return device
    if number is not None:
        device = torch.device("cuda", number)
    if (device.index or 0) >= count:
        raise UsageError(f"{device} is not there: torch sees {count} GPUs; choose auto or cpu.")
    return device
