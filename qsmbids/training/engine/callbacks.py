"""What the first process does beside the steps: validation, lines of progress, files."""

from __future__ import annotations

import math
import time

import torch

from qsmbids.networks.weights import save_weights
from qsmbids.training.data.batches import Batch
from qsmbids.training.data.sources import TARGET, score_name
from qsmbids.training.engine.batches import to_device, validation_batches
from qsmbids.training.engine.checkpoint import model_card, write_checkpoint
from qsmbids.training.engine.curves import Curves
from qsmbids.training.engine.trainer import Callback, Trainer


def usual_callbacks(report_every: float = 20.0, check_every: int = 500) -> list[Callback]:
    """Return the callbacks of every training.

    Parameters
    ----------
    report_every : float
        Seconds between two lines of progress, about.
    check_every : int
        Steps between two validations.
    """
    curves = Curves()
    return [curves, Checkpoints(), Validation(curves, check_every), Progress(curves, report_every)]


class Progress(Callback):
    """Says how far the training is, and draws its loss and learning rate."""

    def __init__(self, curves: Curves, every: float):
        self.curves, self.every = curves, every
        self.losses: list[float] = []

    def on_start(self, trainer: Trainer) -> None:
        """Begin to count the seconds of this run."""
        self.begun, self.reported = trainer.clock.seconds, time.monotonic()

    def on_step(self, trainer: Trainer, loss: float) -> None:
        """Report, if it is time to."""
        self.losses.append(loss)
        if time.monotonic() - self.reported <= self.every:
            return
        self.reported, clock = time.monotonic(), trainer.clock
        loss, self.losses = math.fsum(self.losses) / len(self.losses), []
        waiting = clock.waited / max(clock.seconds - self.begun, 1e-9)
        left = time.strftime("%H:%M:%S", time.gmtime(clock.left))
        trainer.log(
            f"step {clock.step}: loss {loss:.4f}, {100 * clock.progress:.1f} % done, "
            f"{left} left, {100 * waiting:.0f} % of the time waiting for data"
        )
        rate = trainer.optimizer.param_groups[0]["lr"]
        values = {"loss": loss, "learning_rate": rate, "waiting": round(waiting, 3)}
        self.curves.add(clock.step, clock.seconds, values)


class Validation(Callback):
    """Scores the running mean of the weights on held-out samples."""

    def __init__(self, curves: Curves, every: int):
        self.curves, self.every = curves, every
        self.checks: dict[str, list[Batch]] = {}

    def on_start(self, trainer: Trainer) -> None:
        """Make the samples, and score a training that is at its beginning."""
        self.checks = validation_batches(trainer.recipe, trainer.data)
        if trainer.clock.step == 0:
            self.validate(trainer)

    def on_step(self, trainer: Trainer, loss: float) -> None:
        """Validate, if it is time to."""
        if trainer.clock.step % self.every == 0:
            self.validate(trainer)

    def on_end(self, trainer: Trainer, complete: bool) -> None:
        """Validate a last time if the training has come to its end."""
        if complete:
            self.validate(trainer)

    @torch.no_grad()
    def validate(self, trainer: Trainer) -> None:
        """Score, and say so."""
        recipe, clock = trainer.recipe, trainer.clock
        for source, batches in self.checks.items():
            domain = int(source.startswith(TARGET))
            on_device = (to_device(batch, trainer.processes.device) for batch in batches)
            found = [recipe.score(trainer.averaged, batch, domain) for batch in on_device]
            trainer.scores[source] = round(float(torch.cat(found).mean()), 2)
        scores = ", ".join(
            f"{score_name(recipe.measure(name), name, trainer.about_data)} {name} {value:.1f} %"
            for name, value in trainer.scores.items()
        )
        trainer.log(f"step {clock.step}: {scores}")
        self.curves.add(clock.step, clock.seconds, {"scores": trainer.scores})


class Checkpoints(Callback):
    """Writes weights, card and checkpoint."""

    def __init__(self, every: float = 120.0):
        self.every = every

    def on_start(self, trainer: Trainer) -> None:
        """Begin to count the seconds."""
        self.saved = time.monotonic()

    def on_step(self, trainer: Trainer, loss: float) -> None:
        """Save, if it is time to."""
        if time.monotonic() - self.saved > self.every:
            self.on_end(trainer, complete=False)
            self.saved = time.monotonic()

    def on_end(self, trainer: Trainer, complete: bool) -> None:
        """Save each file whole or not at all; `InputError` if weights are no longer numbers."""
        if not all(torch.isfinite(value).all() for value in trainer.model.state_dict().values()):
            raise trainer.diverged()
        save_weights(trainer.averaged, trainer.out / "weights.safetensors", model_card(trainer))
        write_checkpoint(trainer)
