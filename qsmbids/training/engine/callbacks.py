"""What the first process does beside training: validation, lines of progress, files."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from qsmbids.networks.weights import save_weights
from qsmbids.training.data.batches import Batch, Samples
from qsmbids.training.data.sources import Data, score_name
from qsmbids.training.engine.checkpoint import model_card, write_checkpoint
from qsmbids.training.engine.curves import Record
from qsmbids.training.engine.schedule import learning_rate
from qsmbids.training.methods.objectives import measure, score
from qsmbids.training.methods.recipe import TARGET, Recipe

if TYPE_CHECKING:
    from qsmbids.training.engine.trainer import Trainer

SAVE_EVERY = 120.0
"""Seconds between two checkpoints."""
CHECKED = {64: 1.0}
"""Patches of simulated samples on which weights are scored: the same for every recipe."""

_CHECKED_BY = {"fields": "field", "label-maps": "distance"}


class Keeper:
    """Validates, reports and saves one training, each when it is time to.

    Parameters
    ----------
    trainer : Trainer
        The training; validated at once if it is at its beginning.
    report_every : float
        Seconds between two lines of progress, about.
    check_every : int
        Steps between two validations.
    """

    def __init__(self, trainer: Trainer, report_every: float, check_every: int):
        self.trainer, self.report_every, self.check_every = trainer, report_every, check_every
        trainer.out.mkdir(parents=True, exist_ok=True)
        self.checks = validation_batches(trainer.recipe, trainer.data)
        self.record = Record(trainer.out, trainer.clock.step)
        self.losses: list[float] = []
        self.begun = trainer.clock.seconds
        self.saved = self.reported = time.monotonic()
        if trainer.clock.step == 0:
            self.validate()

    def after_step(self, loss: float) -> None:
        """Do what is due after a step with that loss."""
        self.losses.append(loss)
        now = time.monotonic()
        if now - self.reported > self.report_every:
            self._report()
            self.reported = now
        if self.trainer.clock.step % self.check_every == 0:
            self.validate()
        if now - self.saved > SAVE_EVERY:
            self.save()
            self.saved = now

    def finish(self, complete: bool) -> None:
        """Save, after a last validation if the training came to its end."""
        if complete:
            self.validate()
        self.save()
        self.record.close()

    @torch.no_grad()
    def validate(self) -> None:
        """Score the running mean of the weights on held-out samples."""
        trainer, recipe = self.trainer, self.trainer.recipe
        for world, batches in self.checks.items():
            found = []
            for batch in batches:
                on_device = {key: value.to(trainer.ranks.device) for key, value in batch.items()}
                domain = int(world.startswith(TARGET))
                found.append(score(trainer.mean, on_device, recipe, domain))
            trainer.scores[world] = round(float(torch.cat(found).mean()), 2)
        scores = ", ".join(
            f"{score_name(measure(recipe, world), world, trainer.about_data)} {world} {value:.1f} %"
            for world, value in trainer.scores.items()
        )
        trainer.log(f"step {trainer.clock.step}: {scores}")
        self.record(trainer.clock.step, trainer.clock.seconds, {"scores": trainer.scores})

    def _report(self) -> None:
        trainer, clock = self.trainer, self.trainer.clock
        loss, self.losses = math.fsum(self.losses) / len(self.losses), []
        waiting = clock.waited / max(clock.seconds - self.begun, 1e-9)
        left = time.strftime("%H:%M:%S", time.gmtime(clock.left))
        trainer.log(
            f"step {clock.step}: loss {loss:.4f}, {100 * clock.progress:.1f} % done, "
            f"{left} left, {100 * waiting:.0f} % of the time waiting for data"
        )
        rate = learning_rate(trainer.recipe, clock)
        values = {"loss": loss, "learning_rate": rate, "waiting": round(waiting, 3)}
        self.record(clock.step, clock.seconds, values)

    def save(self) -> None:
        """Write weights, card and checkpoint, each whole or not at all.

        Raises
        ------
        InputError
            If the weights are no longer numbers.
        """
        trainer = self.trainer
        if not all(torch.isfinite(value).all() for value in trainer.model.state_dict().values()):
            raise trainer.broken()
        card = model_card(
            trainer.recipe, trainer.clock, trainer.ranks,
            data=trainer.about_data, start=trainer.started_from, scores=trainer.scores,
        )  # fmt: skip
        save_weights(trainer.mean, trainer.out / "weights.safetensors", card)
        write_checkpoint(trainer.out / "checkpoint.pt", trainer.state())


def validation_batches(recipe: Recipe, data: Data) -> dict[str, list[Batch]]:
    """Return four fixed batches of each world of a recipe, from what training never sees.

    Those of the domain without labels are named after their world, with ``target`` before it.
    """
    domains = {world: (world, recipe.degradation) for world in recipe.worlds}
    if recipe.objective == "domains":
        for world in recipe.target_worlds or recipe.worlds:
            domains[TARGET + world] = world, recipe.target
    checks = {}
    for name, (world, degradation) in domains.items():
        of_store = world in ("maps", "fields")
        alone = replace(
            recipe,
            worlds={world: 1.0},
            target_worlds=None,
            degradation=degradation,
            perturbation=None,
            input_noise=0.0,
            patches=recipe.patches if of_store else CHECKED,
            objective=_CHECKED_BY.get(world, "labels"),
            seed=0,
        )
        samples = Samples(alone, data, held_out=True)
        checks[name] = [samples[number] for number in range(4)]
    return checks
