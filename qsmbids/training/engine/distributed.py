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

from qsmbids.networks.device import pick_device

PATIENCE = timedelta(hours=1)
"""How long the other processes wait for the first, which simulates heads and validates."""


@dataclass(frozen=True)
class Distributed:
    """One process among those of a training, and what they do together.

    Attributes
    ----------
    device : torch.device
        Where this process computes.
    rank, world_size : int
        Its number, and how many there are.
    """

    device: torch.device
    rank: int = 0
    world_size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that validates, saves and reports."""
        return self.rank == 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """Return the module with gradients that are means over all processes."""
        return DistributedDataParallel(module) if self.world_size > 1 else module

    def largest(self, *values: float) -> list[float]:
        """Return the largest of each value over all processes, the same in each of them."""
        if self.world_size == 1:
            return [float(value) for value in values]
        together = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(together, dist.ReduceOp.MAX)
        return [float(value) for value in together.tolist()]

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.world_size > 1:
            dist.barrier()


@contextmanager
def distributed(device: str) -> Iterator[Distributed]:
    """Join the other processes, if torchrun started this one, and leave them at the end.

    Parameters
    ----------
    device : str
        As in `qsmbids.networks.device.pick_device`; of several processes each takes its own GPU.

    Raises
    ------
    UsageError
        If there is no such device.
    """
    world_size, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    if world_size == 1:
        yield Distributed(pick_device(device))
        return
    picked = pick_device(device, int(os.environ.get("LOCAL_RANK", 0)))
    if picked.type == "cuda":
        torch.cuda.set_device(picked)
    dist.init_process_group(
        "nccl" if picked.type == "cuda" else "gloo",
        store=_store(),
        rank=rank,
        world_size=world_size,
        timeout=PATIENCE,
    )
    try:
        yield Distributed(picked, rank, world_size)
    finally:
        dist.destroy_process_group()


def _store() -> dist.Store:
    """Return the store through which the processes of this start find one another.

    torchrun keeps one store for all its restarts: without a part of its own, a restarted process
    may read there where a dead one listened, and wait for it.
    """
    store, _, _ = next(dist.rendezvous("env://", timeout=PATIENCE))
    start = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return dist.PrefixStore(f"start-{start}", store)
