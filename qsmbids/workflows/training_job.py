"""What one training was asked to do; nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qsmbids.errors import UsageError
from qsmbids.settings import Settings
from qsmbids.training.data import OF_SUBJECTS
from qsmbids.training.methods import RECIPES, find_recipe

if TYPE_CHECKING:
    from qsmbids.training.methods.recipe import Recipe


@dataclass(frozen=True)
class TrainingJob:
    """One training: made by the parser, passed on.

    Attributes
    ----------
    bids : str
        The dataset as it was given, ``-`` for none.
    output_dir : Path
        The output folder.
    fields : Settings or None
        How the dataset's local fields are made, None without a dataset.
    recipe : str
        Name of the recipe.
    method : str or None
        The method that is to use the weights, if it was said.
    changes : tuple of str
        ``NAME=VALUE`` for parts of the recipe.
    sources : mapping of str to (Path or None)
        Names of what to learn from instead of the recipe's, and their folders where given.
    weights : str or None
        Path or shipped name of the weights to start from.
    steps, minutes
        How long; the recipe's steps if neither is said.
    held_out : tuple of str
        Labels of participants to compare on.
    held_out_share : float
        Share of the participants to hold out where no labels are given.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    threads, workers : int
        Threads of the trainer; processes that make its data.
    resume : bool
        Go on with what stands in the folder.
    """

    bids: str
    output_dir: Path
    fields: Settings | None
    recipe: str
    method: str | None = None
    changes: tuple[str, ...] = ()
    sources: Mapping[str, Path | None] | None = None
    weights: str | None = None
    steps: int | None = None
    minutes: float | None = None
    held_out: tuple[str, ...] = ()
    held_out_share: float = 0.1
    device: str = "auto"
    threads: int = 1
    workers: int = 1
    resume: bool = False

    @property
    def folder(self) -> Path:
        """Where everything about this training goes."""
        return self.output_dir / "training" / self.recipe


def resolve_recipe(job: TrainingJob) -> Recipe:
    """Return the recipe with what the job changes about it.

    A recipe that learns without labels learns from the dataset's fields, if there is a dataset.

    Raises
    ------
    UsageError
        If there is no such recipe, or no such part of it.
    """
    recipe = find_recipe(job.recipe)
    changes = []
    if job.fields is not None and recipe.unlabelled:
        changes.append(f"{recipe.unlabelled}=fields:1")
    if job.sources:
        changes.append("sources=" + ",".join(f"{name}:1" for name in job.sources))
    changed = recipe.with_options([*changes, *job.changes])
    if job.fields is None and learns_from_subjects(changed):
        raise UsageError(
            f"The recipe {job.recipe} is to learn from a dataset's fields or maps; give the "
            "dataset's folder instead of '-'."
        )
    return changed


def find_method(job: TrainingJob, recipe: Recipe) -> str | None:
    """Return the inversion that is to use the weights; None for those of no inversion.

    That is the one asked for, else that of the recipe's name, else one of the same architecture.

    Raises
    ------
    UsageError
        If the one asked for uses no weights.
    """
    from qsmbids.inversion import METHODS

    able = [name for name, method in METHODS.items() if "weights" in method.defaults()]
    if job.method is not None and job.method not in able:
        raise UsageError(
            f"--method {job.method}: no inversion of that name uses trained weights; choose "
            f"from: {', '.join(able)}."
        )
    alike = (
        name
        for name in able
        if name in RECIPES and find_recipe(name).architecture == recipe.architecture
    )
    named = job.method or (recipe.name if recipe.name in able else None)
    return named or next(alike, None)


def learns_from_subjects(recipe: Recipe) -> bool:
    """Tell whether a recipe learns from fields or maps of subjects."""
    return not set(OF_SUBJECTS).isdisjoint(recipe.all_sources)


def choose_held_out(job: TrainingJob, participants: tuple[str, ...], *, learnt: bool) -> list[str]:
    """Return the participants to hold out: those named, else the last ones.

    Parameters
    ----------
    job : TrainingJob
        Names them, or the share.
    participants : tuple of str
        Labels of all.
    learnt : bool
        Whether the training learns from the others.

    Raises
    ------
    UsageError
        If a participant named is not among them, or nobody is left to learn from.
    """
    unknown = sorted(set(job.held_out) - set(participants))
    if unknown:
        raise UsageError(
            f"--held-out: there is no participant {unknown[0]}; there are: "
            f"{', '.join(participants)}."
        )
    if learnt and len(participants) < 2:
        raise UsageError(
            f"Training on a dataset needs two participants at least, one of them to compare on; "
            f"there is {len(participants)}: {', '.join(participants) or 'none'}."
        )
    count = max(round(job.held_out_share * len(participants)), 1)
    chosen = list(job.held_out) or list(participants[-min(count, len(participants)) :])
    if learnt and len(chosen) == len(participants):
        raise UsageError("All participants are held out; leave at least one to learn from.")
    return chosen
