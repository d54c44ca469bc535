"""The training loop: steps, and what is told of them to callbacks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch.optim.lr_scheduler import LambdaLR

from qsmbids.errors import InputError
from qsmbids.networks.base import Network, prepare
from qsmbids.networks.device import has_bfloat16
from qsmbids.training.data.batches import Batch
from qsmbids.training.data.sources import Data
from qsmbids.training.engine.batches import Batches, load_batches, to_device
from qsmbids.training.engine.clock import Clock
from qsmbids.training.engine.distributed import Distributed
from qsmbids.training.engine.models import (
    StepLoss,
    averaged_model,
    build,
    parameter_groups,
    start_from,
)
from qsmbids.training.engine.process import CallOnSignal
from qsmbids.training.methods.recipe import Recipe
from qsmbids.training.methods.schedules import SCHEDULES


class Callback:
    """What happens beside the steps, in the first process alone; see `callbacks`."""

    def on_start(self, trainer: Trainer) -> None:
        """Do what is due before the first step of a run."""

    def on_step(self, trainer: Trainer, loss: float) -> None:
        """Do what is due after a step with that loss."""

    def on_end(self, trainer: Trainer, complete: bool) -> None:
        """Do what is due after the last step, which is the training's last if ``complete``."""


class Trainer:
    """One training: model, optimizer, running mean of the weights, and where it stands.

    Parameters
    ----------
    recipe : Recipe
        What to train, and how.
    out : Path
        Folder of checkpoint, weights, card and log.
    data : Data, optional
        The folders that the recipe's sources need.
    processes : Distributed, optional
        Where to compute; on the CPU, alone, by default.
    start : path-like, optional
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
        processes: Distributed | None = None,
        start: Path | str | None = None,
        use_bfloat16: bool | None = None,
        log: Callable[[str], None] = print,
    ):
        self.recipe, self.out, self.data, self.log = recipe, out, data or Data(), log
        self.processes = processes or Distributed(torch.device("cpu"))
        self.about_data = self.data.describe(recipe.all_sources, max(recipe.patches))
        torch.manual_seed(recipe.seed)
        self.model = build(recipe)
        self.started_from = start_from(self.model, start, recipe.name) if start else None
        self.model.to(self.processes.device)
        if use_bfloat16 is None:
            use_bfloat16 = has_bfloat16(self.processes.device)
        prepare(self.model, use_bfloat16)
        self._ema = averaged_model(self.model, recipe.ema)
        self.step_loss = self.processes.wrap(StepLoss(self.model, recipe))
        groups = parameter_groups(self.model, recipe.learning_rate)
        self.optimizer = torch.optim.Adam(groups, recipe.learning_rate)
        self.clock = Clock(None, None)
        self.scores: dict[str, float] = {}
        self._stop = self._ended = False

    def run(
        self,
        *,
        steps: int | None = None,
        minutes: float | None = None,
        prepared: float = 0.0,
        workers: int = 1,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        """Train until ``steps`` are done or ``minutes`` are over, the recipe's steps by default.

        Parameters
        ----------
        steps, minutes
            The end; the schedule of the learning rate stretches to it.
        prepared : float
            Seconds that were spent before; with the first validation they count towards the
            minutes.
        workers : int
            Processes that make data; with 0 the trainer makes them itself.
        callbacks : sequence of Callback
            What else is done, in that order and at the end in reverse; by the first process alone.

        Raises
        ------
        InputError
            If the loss is no longer a number; the last checkpoint stays. If the minutes are over
            before the first step.
        """
        steps = self.recipe.steps if steps is None and minutes is None else steps
        limit = None if minutes is None else 60 * minutes
        begun = time.monotonic() - prepared
        self.clock = Clock(steps, limit, self.clock.step, self.clock.seconds, self.clock.prepared)
        callbacks = callbacks if self.processes.is_first else ()
        schedule = LambdaLR(self.optimizer, self._learning_rate)
        with CallOnSignal(self.stop):
            batches = load_batches(
                Batches(self.recipe, self.data), self.clock.step, self.processes, workers
            )
            for callback in callbacks:
                callback.on_start(self)
            self.clock.prepared += time.monotonic() - begun
            self._check_time()
            self.clock.start()
            while self.clock.progress < 1 and not self._ended:
                loss = self._step(batches)
                schedule.step()
                for callback in callbacks:
                    callback.on_step(self, loss)
            for callback in reversed(callbacks):  # as contexts are left
                callback.on_end(self, complete=not self._ended)
        self.processes.wait()

    def _check_time(self) -> None:
        """Say how much of the minutes is left; refuse to begin if there is nothing."""
        limit, spent = self.clock.limit, self.clock.spent
        if limit is None:
            return
        if spent >= limit:
            raise InputError(
                f"The {limit / 60:g} minutes were over before the first step: the preparation took "
                f"{self.clock.prepared / 60:.1f}. What it made is kept; give more minutes."
            )
        self.log(
            f"the preparation took {self.clock.prepared / 60:.1f} of {limit / 60:g} minutes; "
            f"{(limit - spent) / 60:.1f} are left to train"
        )

    @property
    def averaged(self) -> Network:
        """The network with the running mean of the weights, which is what is kept."""
        return cast(Network, self._ema.module)

    def stop(self) -> None:
        """Stop after the present step, and save."""
        self._stop = True

    def _learning_rate(self, _: int) -> float:
        """Return the factor on the learning rate: by the clock, for time may be what ends it."""
        return SCHEDULES[self.recipe.schedule](self.clock.step, self.clock.progress)

    def _step(self, batches: Iterator[Batch]) -> float:
        asked = time.monotonic()
        batch = to_device(next(batches), self.processes.device)
        self.clock.waited += time.monotonic() - asked
        self.model.train()
        loss = self.step_loss(batch, self.clock.progress)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.clock.step += 1
        self._ema.update_parameters(self.model)
        self.clock.tick()
        value = float(loss.detach())
        self._agree(math.isfinite(value))
        return value

    def _agree(self, sound: bool) -> None:
        """Let all processes know alike whether to go on, and how late it is."""
        ended, broken, seconds = self.processes.largest(self._stop, not sound, self.clock.seconds)
        self._ended, self.clock.seconds = bool(ended), seconds
        if broken:
            raise self.diverged()

    def diverged(self) -> InputError:
        """Return the error of weights or a loss that are no longer numbers."""
        return InputError(
            f"The loss is not a number any more at step {self.clock.step}; {self.out} keeps the "
            "weights of the last checkpoint. Start anew, from them or not, with a smaller "
            "learning_rate."
        )

    def state_dict(self) -> dict[str, Any]:
        """Return all that a resume needs."""
        return {
            "recipe": self.recipe.name,
            "options": self.recipe.card(),
            "data": self.about_data,
            "step": self.clock.step,
            "seconds": self.clock.seconds,
            "prepared": self.clock.prepared,
            "model": self.model.state_dict(),
            "averaged": self._ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "scores": self.scores,
            "start": self.started_from,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` was called."""
        self.model.load_state_dict(state["model"])
        self._ema.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"].cpu())
        self.clock.step, self.clock.seconds = state["step"], state["seconds"]
        self.clock.prepared = state.get("prepared", 0.0)
        self.scores, self.started_from = state["scores"], state["start"]
