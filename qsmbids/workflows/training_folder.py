"""What stands in the folder of a training: its card, its log, and how far it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qsmbids.bids import write_json
from qsmbids.errors import InputError, UsageError
from qsmbids.workflows.training_job import TrainingJob

if TYPE_CHECKING:
    from qsmbids.training.methods.recipe import Recipe


@dataclass(frozen=True)
class TrainingState:
    """How far the training in a folder is."""

    step: int
    minutes: float
    paged: bool

    def done(self, job: TrainingJob, recipe: Recipe) -> bool:
        """Tell whether that is as far as the job asks for."""
        if job.minutes is not None:  # the card rounds to a tenth of a minute
            return self.minutes >= round(job.minutes, 1)
        return self.step >= (job.steps or recipe.steps)


def read_card(folder: Path) -> dict[str, Any]:
    """Return the model card of a training.

    Raises
    ------
    InputError
        If it is missing or no card.
    """
    path = folder / "weights.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        card = None
    kinds: dict[str, type | tuple[type, ...]] = {
        "name": str,
        "version": str,
        "steps": int,
        "minutes": (int, float),
    }
    if not isinstance(card, dict) or not all(isinstance(card.get(n), k) for n, k in kinds.items()):
        raise InputError(
            f"{path} is missing or no model card; put it back, or delete {folder} to train anew."
        )
    return card


def training_state(folder: Path) -> TrainingState | None:
    """Return how far the training in a folder is; None if it has left no checkpoint."""
    if not (folder / "checkpoint.pt").is_file():
        return None
    card = read_card(folder)
    weights, page = folder / "weights.safetensors", folder / "report.html"
    paged = page.is_file() and page.stat().st_mtime >= weights.stat().st_mtime
    return TrainingState(card["steps"], card["minutes"], paged)


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of a training's log that belong to its present state.

    A line that a kill has cut short is left out, and so are those of steps that were done
    again after it.
    """
    found: list[dict[str, Any]] = []
    for text in reversed((folder / "log.jsonl").read_text(encoding="utf-8").splitlines()):
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if not found or line["step"] <= found[-1]["step"]:
            found.append(line)
    return found[::-1]


def claim_folder(job: TrainingJob, recipe: Recipe, held_out: list[str]) -> None:
    """Note in the job's folder what is trained there; refuse one with another training.

    Raises
    ------
    UsageError
        If the folder holds a training made otherwise.
    """
    path = job.folder / "training.json"
    asked = json.loads(
        json.dumps({"recipe": recipe.card(), "start": job.weights, "held_out": held_out})
    )
    if path.is_file() and training_state(job.folder) is not None:
        before = json.loads(path.read_text(encoding="utf-8"))
        other = [n for n, value in before["recipe"].items() if asked["recipe"].get(n) != value]
        other += [n for n in ("start", "held_out") if before[n] != asked[n]]
        if other:
            raise UsageError(
                f"{job.folder} holds a training with another {other[0]}; remove it, or choose "
                "another output folder."
            )
    write_json(path, asked)
