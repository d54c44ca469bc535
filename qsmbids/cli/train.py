"""``qsmbids BIDS OUT train``: fields, training, comparison."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from qsmbids.bids import write_dataset_description
from qsmbids.bids.dataset import make_writable
from qsmbids.cli.display import make_live
from qsmbids.cli.train_parser import parse_training
from qsmbids.errors import InputError, UsageError
from qsmbids.workflows import training_folder, training_job
from qsmbids.workflows.process import process
from qsmbids.workflows.training_job import TrainingJob

if TYPE_CHECKING:
    from qsmbids.training.methods.recipe import Recipe

STOPPED = 130


def train(argv: Sequence[str]) -> int:
    """Do what a command line of the level ``train`` asks for and return the exit code.

    Parameters
    ----------
    argv : sequence of str
        All arguments.

    Returns
    -------
    int
        0 trained, 1 trained although the fields of some participants could not be made, 130
        stopped.
    """
    return _Run(parse_training(argv)).run()


class _Run:
    """One call of the command: what was resolved at first serves until the end."""

    def __init__(self, job: TrainingJob):
        self.job, self.begun = job, time.monotonic()
        self.recipe: Recipe = training_job.resolve_recipe(job)
        self.method = training_job.find_method(job, self.recipe)
        self.learns = training_job.learns_from_subjects(self.recipe)
        self.held_out: list[str] = []  # participants
        self.subjects: dict[str, list[str]] = {}  # by participant

    def run(self) -> int:
        """Make fields, train and compare; whatever is done already is left as it is."""
        job = self.job
        participants = self._participants()
        if participants:
            self.held_out = training_job.choose_held_out(job, participants, learnt=self.learns)
        self._check_machine()
        if self._is_done():
            print(f"{job.folder} is trained as far as asked; nothing to do.")
            self._tell_use(self._doubt())
            return 0
        training_folder.claim_folder(job, self.recipe, self.held_out)
        code = self._make_fields(participants)
        if not self._trained() and not self._train():
            print("Stopped; the same command with --resume goes on from here.")
            return STOPPED
        self._tell_use(self._compare())
        return code

    def _check_machine(self) -> None:
        """Refuse at once what would fail after hours."""
        job = self.job
        make_writable(job.folder)
        from qsmbids.networks.device import pick_device
        from qsmbids.training.engine.models import build, start_from

        pick_device(job.device)
        model = build(self.recipe)
        if job.weights is not None:
            start_from(model, job.weights, self.recipe.name)

    def _participants(self) -> tuple[str, ...]:
        if self.job.fields is None:
            print(f"{self.job.recipe} learns from synthetic data; no dataset, no comparison.")
            return ()
        from qsmbids.bids.participants import wanted_participants

        found = wanted_participants(self.job.fields)
        if not found and self.learns:
            raise InputError(
                f"{self.job.bids} has no participants (folders sub-*) to learn from; name the "
                "root of a BIDS dataset."
            )
        return found

    def _is_done(self) -> bool:
        state = training_folder.training_state(self.job.folder)
        if state is None:
            return False
        training_folder.claim_folder(self.job, self.recipe, self.held_out)
        if state.done(self.job, self.recipe):
            return state.paged
        if not self.job.resume:
            raise UsageError(
                f"{self.job.folder} holds a training that has come to step {state.step}; go on "
                "with --resume, or remove that folder."
            )
        return False

    def _trained(self) -> bool:
        state = training_folder.training_state(self.job.folder)
        return state is not None and state.done(self.job, self.recipe)

    def _make_fields(self, participants: tuple[str, ...]) -> int:
        """Make the local fields that are needed, as the participant level makes them."""
        settings = self.job.fields
        if settings is None or not participants:
            return 0
        from qsmbids.workflows.training import find_fields, gather_subjects

        needed = participants if self.learns else tuple(self.held_out)
        if not self.learns:
            print(f"{self.job.recipe} learns from synthetic data; participants only to compare on.")
        settings = replace(settings, participants=needed)
        inventory = find_fields(settings, demand_maps="maps" in self.recipe.all_sources)
        write_dataset_description(replace(settings, output_dir=self.job.output_dir))
        code = process(inventory, settings, make_live)
        self.subjects = gather_subjects(inventory.series, settings, self.job.folder / "subjects")
        self.held_out = [one for one in self.held_out if one in self.subjects]
        learnt = [one for one in self.subjects if one not in self.held_out]
        if self.learns and not (learnt and self.held_out):
            lack = "learn from" if self.held_out else "compare on"
            raise InputError(
                f"No participant with a local field is left to {lack}; see above what failed, or "
                "choose others with --held-out."
            )
        return code

    def _train(self) -> bool:
        """Train, and tell whether the end was reached."""
        from qsmbids.training.run import train as run_training

        job = self.job
        sources = job.sources or {}
        run_training(
            self.recipe,
            job.folder,
            heads=sources.get("heads"),
            subjects=job.folder / "subjects" if self.learns else None,
            held_out=self._held_out_subjects() if self.learns else (),
            start=job.weights,
            device=job.device,
            steps=job.steps,
            minutes=job.minutes,
            begun=self.begun,
            workers=job.workers,
            threads=job.threads,
            resume=job.resume,
            log=lambda line: print(line, flush=True),
        )
        return self._trained()

    def _held_out_subjects(self) -> list[str]:
        return [name for one in self.held_out for name in self.subjects[one]]

    def _compare(self) -> str:
        """Write the table and the page; return why the weights are not recommended, if so."""
        from qsmbids.reports.training import write_training_page
        from qsmbids.workflows.training_comparison import compare

        folder, names = self.job.folder, self._held_out_subjects()
        held_out = []
        if self.method is not None and names:
            print(f"comparing on {', '.join(names)}", flush=True)
            held_out = compare(folder, names, self.method, self.recipe.name, self.job)
        card = training_folder.read_card(folder)
        log = training_folder.read_log(folder)
        doubt = self._doubt()
        page = write_training_page(
            folder, card=card, log=log, held_out=held_out, use=self._use(), doubt=doubt
        )
        print(f"Weights, card, curves and comparison: {page}")
        return doubt

    def _doubt(self) -> str:
        """Return why the weights are not to be used; empty if nothing speaks against them."""
        from qsmbids.workflows.training_verdict import why_useless

        return why_useless(
            training_folder.read_card(self.job.folder), self.job.folder / "comparison.tsv"
        )

    def _use(self) -> str:
        """Return the command that uses the weights; empty where no inversion does."""
        if self.method is None:
            return ""
        bids = "BIDS" if self.job.fields is None else shlex.quote(self.job.bids)
        out, weights = self.job.output_dir, self.job.folder / "weights.safetensors"
        return (
            f"qsmbids {bids} {shlex.quote(str(out))} participant --method {self.method} "
            f"--weights {shlex.quote(str(weights))}"
        )

    def _tell_use(self, doubt: str = "") -> None:
        if doubt:
            print(f"These weights are not to be used: {doubt}")
        elif self.method is not None:
            print(f"Use the weights by:\n  {self._use()}")
