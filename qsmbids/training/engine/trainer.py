"""The training loop: steps, validation, checkpoints; killed at any moment, it goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from qsmbids.errors import InputError
from qsmbids.networks.base import prepare
from qsmbids.networks.device import has_bfloat16
from qsmbids.training.data.batches import Batch, Samples
from qsmbids.training.data.sources import Data
from qsmbids.training.engine.callbacks import Keeper
from qsmbids.training.engine.checkpoint import read_checkpoint
from qsmbids.training.engine.distributed import Ranks
from qsmbids.training.engine.models import build, groups, start_from
from qsmbids.training.engine.schedule import Clock, Stopping, learning_rate, leave_interrupts
from qsmbids.training.methods.objectives import StepLoss
from qsmbids.training.methods.recipe import Recipe


class Trainer:
    """One training: model, optimizer, running mean of the weights, and where it stands.

    Parameters
    ----------
    recipe : Recipe
        What to train, and how.
    out : Path
        Folder of checkpoint, weights, card and log.
    data : Data, optional
        The folders that the recipe's worlds need.
    ranks : Ranks, optional
        Where to compute; on the CPU, alone, by default.
    start : Path, optional
        Weights to start from.
    use_bfloat16 : bool, optional
        Run the U-Nets in bfloat16; by default where the device computes in it faster.
    log : callable
        Takes the lines of progress.
    """

    def __init__(
        self,
        recipe: Recipe,
        out: Path,
        *,
        data: Data | None = None,
        ranks: Ranks | None = None,
        start: Path | None = None,
        use_bfloat16: bool | None = None,
        log: Callable[[str], None] = print,
    ):
        self.recipe, self.out, self.data, self.log = recipe, out, data or Data(), log
        self.ranks = ranks or Ranks(torch.device("cpu"))
        self.about_data = self.data.describe(recipe)
        torch.manual_seed(recipe.seed)
        self.model = build(recipe)
        self.started_from = start_from(self.model, start, recipe.name) if start else None
        self.mean = build(recipe).requires_grad_(False).eval()
        self.mean.load_state_dict(self.model.state_dict())
        if use_bfloat16 is None:
            use_bfloat16 = has_bfloat16(self.ranks.device)
        for model in (self.model, self.mean):
            model.to(self.ranks.device)
            prepare(model, use_bfloat16)
        self.step_loss = self.ranks.share(StepLoss(self.model, recipe))
        self.optimizer = torch.optim.Adam(groups(self.model), recipe.learning_rate)
        self.clock = Clock(None, None)
        self.scores: dict[str, float] = {}
        self._stop = self._ended = False

    def run(
        self,
        *,
        steps: int | None = None,
        minutes: float | None = None,
        workers: int = 1,
        report_every: float = 20.0,
        check_every: int = 500,
        stop_at: int | None = None,
    ) -> None:
        """Train until ``steps`` are done or ``minutes`` are over, the recipe's steps by default.

        Parameters
        ----------
        steps, minutes
            The end; the schedule of the learning rate stretches to it.
        workers : int
            Processes that make data; with 0 the trainer makes them itself.
        report_every : float
            Seconds between two lines of progress, about.
        check_every : int
            Steps between two validations.
        stop_at : int, optional
            Stop and save at that step, as if the process had been told to end.

        Raises
        ------
        InputError
            If the loss is no longer a number; the last checkpoint stays.
        """
        steps = self.recipe.steps if steps is None and minutes is None else steps
        limit = None if minutes is None else 60 * minutes
        self.clock = Clock(steps, limit, self.clock.step, self.clock.seconds)
        with Stopping(self.stop):
            batches = self._batches(workers)
            keeper = Keeper(self, report_every, check_every) if self.ranks.first else None
            self.clock.start()
            while self.clock.progress < 1 and not self._ended:
                loss = self._step(batches)
                self._ended |= self.clock.step == stop_at
                if keeper:
                    keeper.after_step(loss)
            if keeper:
                keeper.finish(complete=not self._ended)
        self.ranks.wait()

    def stop(self) -> None:
        """Stop after the present step, and save."""
        self._stop = True

    def _step(self, batches: Iterator[Batch]) -> float:
        asked = time.monotonic()
        batch = {
            key: value.to(self.ranks.device, non_blocking=True)
            for key, value in next(batches).items()
        }
        self.clock.waited += time.monotonic() - asked
        rate = learning_rate(self.recipe, self.clock)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        self.model.train()
        loss = self.step_loss(batch, self.clock.progress)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.clock.step += 1
        self._average()
        self.clock.tick()
        value = float(loss.detach())
        self._agree(math.isfinite(value))
        return value

    def _agree(self, sound: bool) -> None:
        """Let all processes know alike whether to go on, and how late it is."""
        ended, broken, seconds = self.ranks.largest(self._stop, not sound, self.clock.seconds)
        self._ended, self.clock.seconds = bool(ended), seconds
        if broken:
            raise self.broken()

    def broken(self) -> InputError:
        """Return the error of weights or a loss that are no longer numbers."""
        return InputError(
            f"The loss is not a number any more at step {self.clock.step}; {self.out} keeps the "
            "weights of the last checkpoint. Start anew, from them or not, with a smaller "
            "learning_rate."
        )

    @torch.no_grad()
    def _average(self) -> None:
        """Move the running mean of the weights towards the weights."""
        done = self.clock.step
        decay = min(self.recipe.ema, (1 + done) / (10 + done))
        for mean, value in zip(
            self.mean.state_dict().values(), self.model.state_dict().values(), strict=True
        ):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)

    def _batches(self, workers: int) -> Iterator[Batch]:
        """Yield this process's batches: those of one step follow each other in number."""
        world, rank = self.ranks.world, self.ranks.rank
        loader: DataLoader[Batch] = DataLoader(
            Samples(self.recipe, self.data),
            batch_size=None,
            sampler=range(self.clock.step * world + rank, 2**31 - 1, world),
            num_workers=workers,
            prefetch_factor=4 if workers else None,
            multiprocessing_context="spawn" if workers else None,
            worker_init_fn=leave_interrupts,
            pin_memory=self.ranks.device.type == "cuda",
        )
        return iter(loader)

    def state(self) -> dict[str, Any]:
        """Return all that a resume needs."""
        return {
            "recipe": self.recipe.name,
            "options": self.recipe.card(),
            "data": self.about_data,
            "step": self.clock.step,
            "seconds": self.clock.seconds,
            "model": self.model.state_dict(),
            "mean": self.mean.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "scores": self.scores,
            "start": self.started_from,
        }

    def resume(self) -> bool:
        """Go on from the folder's checkpoint; False where there is none.

        Raises
        ------
        InputError
            If the checkpoint is damaged, or of another recipe, other options or other data.
        """
        path = self.out / "checkpoint.pt"
        if not path.exists():
            return False
        state = read_checkpoint(path, self.recipe, self.about_data, self.ranks.device)
        self.model.load_state_dict(state["model"])
        self.mean.load_state_dict(state["mean"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"].cpu())
        self.clock.step, self.clock.seconds = state["step"], state["seconds"]
        self.scores, self.started_from = state["scores"], state["start"]
        return True
