"""The training loop: steps, validation, checkpoints; killed at any moment, it goes on."""

from __future__ import annotations

import json
import math
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from qsmbids import __version__
from qsmbids.errors import InputError
from qsmbids.nets.inversion import ARCHITECTURES, Inversion
from qsmbids.nets.unet import prepare
from qsmbids.nets.weights import digest, load_weights, save_weights
from qsmbids.training.objectives import dipole_of, nrmse, step_loss
from qsmbids.training.progress import Clock, Stopping, learning_rate, leave_interrupts
from qsmbids.training.recipes import Recipe
from qsmbids.training.samples import Batch, Samples


class Trainer:
    """One training: model, optimizer, running mean of the weights, and where it stands.

    Parameters
    ----------
    recipe : Recipe
        What to train, and how.
    out : Path
        Folder of checkpoint, weights, card and log.
    heads : Path, optional
        Folder of simulated heads.
    start : Path, optional
        Weights to start from.
    device : str
        Where to compute.
    use_bfloat16 : bool
        Run the U-Nets in bfloat16.
    """

    def __init__(
        self,
        recipe: Recipe,
        out: Path,
        *,
        heads: Path | None = None,
        start: Path | None = None,
        device: str = "cpu",
        use_bfloat16: bool = True,
        log: Callable[[str], None] = print,
    ):
        self.recipe, self.out, self.heads, self.log = recipe, out, heads, log
        self.device = torch.device(device)
        torch.manual_seed(recipe.seed)
        self.model = build(recipe)
        self.started_from: dict[str, Any] | None = None
        if start is not None:
            self._start_from(start)
        self.mean = build(recipe).requires_grad_(False).eval()
        self.mean.load_state_dict(self.model.state_dict())
        for model in (self.model, self.mean):
            model.to(self.device)
            prepare(model, use_bfloat16)
        self.optimizer = torch.optim.Adam(self.model.parameters(), recipe.learning_rate)
        self.clock = Clock(None, None)
        self.scores: dict[str, float] = {}
        self._stop = False

    def _start_from(self, path: Path) -> None:
        model, card = load_weights(path)
        known = model.state_dict()
        # a second domain starts from the statistics of the first
        state = {
            key: known.get(key, known.get(key.replace(".norms.1.", ".norms.0.")))
            for key in self.model.state_dict()
        }
        self.started_from = {"name": card.get("name"), "sha256": digest(path)}
        try:
            self.model.load_state_dict({k: v for k, v in state.items() if v is not None})
        except RuntimeError as error:
            name = self.recipe.name
            raise InputError(f"{path} does not fit the network of the recipe {name}.") from error

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
        """
        steps = self.recipe.steps if steps is None and minutes is None else steps
        limit = None if minutes is None else 60 * minutes
        self.clock = Clock(steps, limit, self.clock.step, self.clock.seconds)
        self.out.mkdir(parents=True, exist_ok=True)
        checks = self._checks()
        if self.clock.step == 0:
            self.validate(checks)
        batches = self._batches(workers)
        saved, reported, losses = time.monotonic(), time.monotonic(), []
        self.clock.start()
        begun = self.clock.seconds
        with Stopping(self.stop):
            while self.clock.progress < 1 and not self._stop:
                losses.append(self._step(batches))
                self._stop |= self.clock.step == stop_at
                now = time.monotonic()
                if now - reported > report_every:
                    self._report(losses, begun)
                    reported, losses = now, []
                if self.clock.step % check_every == 0:
                    self.validate(checks)
                if now - saved > 120:
                    self.save()
                    saved = now
        if not self._stop:
            self.validate(checks)
        self.save()

    def stop(self) -> None:
        """Stop after the present step, and save."""
        self._stop = True

    def _step(self, batches: Iterator[Batch]) -> float:
        asked = time.monotonic()
        batch = {key: value.to(self.device) for key, value in next(batches).items()}
        self.clock.waited += time.monotonic() - asked
        rate = learning_rate(self.recipe, self.clock)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.model.train()
        loss = step_loss(self.model, batch, self.recipe, self.clock.progress)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.clock.step += 1
        self._average()
        self.clock.tick()
        return float(loss.detach())

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
        samples = Samples(self.recipe, self.heads)
        loader: DataLoader[Batch] = DataLoader(
            samples,
            batch_size=None,
            sampler=range(self.clock.step, 2**31 - 1),
            num_workers=workers,
            prefetch_factor=4 if workers else None,
            multiprocessing_context="spawn" if workers else None,
            worker_init_fn=leave_interrupts,
        )
        return iter(loader)

    def _checks(self) -> dict[str, list[Batch]]:
        """Return the fixed validation batches of each world of the recipe."""
        checks = {}
        for world in self.recipe.worlds:
            alone = replace(
                self.recipe, worlds={world: 1.0}, patches={64: 1.0}, perturbation=None,
                objective="labels", seed=0,
            )  # fmt: skip
            samples = Samples(alone, self.heads, held_out=True)
            checks[world] = [samples[number] for number in range(4)]
        return checks

    @torch.no_grad()
    def validate(self, checks: dict[str, list[Batch]]) -> None:
        """Score the running mean of the weights on held-out samples."""
        domain = 1 if self.recipe.objective == "domains" else 0
        for world, batches in checks.items():
            errors = []
            for batch in batches:
                on_device = {key: value.to(self.device) for key, value in batch.items()}
                field, mask = on_device["field"], on_device["mask"]
                chi = self.mean(field, mask, dipole_of(on_device), domain=domain)
                errors.append(nrmse(chi, on_device))
            self.scores[world] = round(float(torch.cat(errors).mean()), 2)
        scores = ", ".join(f"{world} {score:.1f} %" for world, score in self.scores.items())
        self.log(f"step {self.clock.step}: held-out NRMSE {scores}")
        self._record({"scores": self.scores})

    def card(self) -> dict[str, Any]:
        """Return the model card."""
        return {
            "name": self.recipe.name,
            "version": __version__,
            "commit": commit(),
            "recipe": self.recipe.card(),
            "start": self.started_from,
            "steps": self.clock.step,
            "minutes": round(self.clock.seconds / 60, 1),
            "data": "synthetic: " + ", ".join(self.recipe.worlds),
            "scores": {"held-out NRMSE in %": dict(self.scores)},
        }

    def _report(self, losses: list[float], begun: float) -> None:
        clock = self.clock
        spent = max(clock.seconds - begun, 1e-9)
        mean = math.fsum(losses) / len(losses)
        left = time.strftime("%H:%M:%S", time.gmtime(clock.left))
        self.log(
            f"step {clock.step}: loss {mean:.4f}, {100 * clock.progress:.1f} % done, "
            f"{left} left, {100 * clock.waited / spent:.0f} % of the time waiting for data"
        )
        self._record({"loss": mean})

    def _record(self, values: dict[str, Any]) -> None:
        line = {"step": self.clock.step, "seconds": round(self.clock.seconds, 1), **values}
        with (self.out / "log.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def save(self) -> None:
        """Write weights, card and checkpoint, each whole or not at all."""
        save_weights(self.mean, self.out / "weights.safetensors", self.card())
        state = {
            "recipe": self.recipe.name,
            "step": self.clock.step,
            "seconds": self.clock.seconds,
            "model": self.model.state_dict(),
            "mean": self.mean.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "scores": self.scores,
            "start": self.started_from,
        }
        temporary = self.out / "checkpoint.part"
        torch.save(state, temporary)
        temporary.replace(self.out / "checkpoint.pt")

    def resume(self) -> bool:
        """Go on from the folder's checkpoint; False where there is none.

        Raises
        ------
        InputError
            If the checkpoint is of another recipe.
        """
        path = self.out / "checkpoint.pt"
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["recipe"] != self.recipe.name:
            raise InputError(f"{path} is of the recipe {state['recipe']}, not {self.recipe.name}.")
        self.model.load_state_dict(state["model"])
        self.mean.load_state_dict(state["mean"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"].cpu())
        self.clock.step, self.clock.seconds = state["step"], state["seconds"]
        self.scores, self.started_from = state["scores"], state["start"]
        return True


def commit() -> str | None:
    """Return the commit of the sources, None where they are not in a git repository."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def build(recipe: Recipe) -> Inversion:
    """Return the recipe's network with fresh weights."""
    return ARCHITECTURES[recipe.architecture](**recipe.config)
