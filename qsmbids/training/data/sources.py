"""The folders that a training reads, and what a model card says of them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from qsmbids.errors import InputError
from qsmbids.networks.weights_file import digest
from qsmbids.training.data import OF_SUBJECTS
from qsmbids.training.data.label_maps import label_map_files
from qsmbids.training.data.simulated_heads import head_files
from qsmbids.training.data.subjects import Subjects

TARGET = "target "
"""Before a source's name in the scores of a domain without labels."""


@dataclass(frozen=True)
class Data:
    """The folders that a training reads.

    Parameters
    ----------
    heads : Path, optional
        Simulated heads, see `qsmbids.training.data.simulated_heads.make_heads`.
    subjects : Path, optional
        A store of subjects, see `qsmbids.training.data.subjects`.
    held_out : tuple of str
        Subjects kept for validation; by default the last by name, if there are two.
    """

    heads: Path | None = None
    subjects: Path | None = None
    held_out: tuple[str, ...] = ()

    @cached_property
    def store(self) -> Subjects:
        """The subjects; `InputError` if there are none or one to be held out is not there."""
        if self.subjects is None:
            raise InputError("The recipe learns from subjects; give the folder of their store.")
        store = Subjects(self.subjects)
        if unknown := sorted(set(self.held_out) - set(store.names)):
            raise InputError(
                f"{self.subjects} has no subject {unknown[0]!r} to hold out; it has: "
                f"{', '.join(store.names)}."
            )
        return store

    def kept_out(self) -> tuple[str, ...]:
        """Return the names of the subjects that training does not see."""
        return self.held_out or (self.store.names[-1:] if len(self.store.names) > 1 else ())

    def names(self, source: str, size: int, held_out: bool) -> tuple[str, ...]:
        """Return the subjects of a source; those of training where none is held out.

        Raises
        ------
        InputError
            If there is none, or one is too small for half of a patch of edge ``size``.
        """
        fitting = self.store.with_chi if source == "maps" else self.store.names
        kept = [name for name in fitting if name in self.kept_out()]
        seen = [name for name in fitting if name not in kept]
        if not seen:
            what = "with susceptibility (chi) " if source == "maps" else ""
            raise InputError(
                f"{self.subjects} has no subject {what}to train on beside those held out "
                f"({', '.join(self.kept_out()) or 'none'}); add one."
            )
        for name in fitting:
            shape = self.store.shapes[name]
            if np.prod(np.minimum(shape, size)) < 0.5 * size**3:
                raise InputError(
                    f"{self.store.folder / name}.npz ({' x '.join(map(str, shape))} voxels) fills "
                    f"less than half of a patch of {size}; choose smaller patches or leave it out."
                )
        return tuple(kept if held_out and kept else seen)

    def describe(self, sources: Collection[str], largest: int) -> dict[str, Any]:
        """Return what a model card says of the data: names and checksums.

        Parameters
        ----------
        sources : collection of str
            Those that the recipe learns from.
        largest : int
            Edge of its largest patch in voxels.
        """
        about: dict[str, Any] = {"sources": list(sources)}
        if self.heads is not None and "heads" in sources:
            digests = [digest(path) for path in head_files(self.heads)]
            together = hashlib.sha256("".join(digests).encode()).hexdigest()
            about["heads"] = {"count": len(digests), "sha256": together}
        if "label-maps" in sources:
            about["label_maps"] = {path.name: digest(path) for path in label_map_files()}
        of_subjects = [source for source in sources if source in OF_SUBJECTS]
        if of_subjects:
            about["subjects"] = self.store.digests()
            about["held_out"] = list(self.kept_out())
            about["scored_on"] = {
                source: list(self.names(source, largest, held_out=True)) for source in of_subjects
            }
        return about


def score_name(what: str, source: str, data: Mapping[str, Any]) -> str:
    """Return what a score is called: ``held-out`` only if training has not seen its subjects.

    Parameters
    ----------
    what : str
        What is measured.
    source : str
        On the samples of which source, of either domain.
    data : mapping
        From `Data.describe`.
    """
    scored = data.get("scored_on", {}).get(source.removeprefix(TARGET), ())
    return f"{'held-out' if set(scored) <= set(data.get('held_out', ())) else 'training'} {what}"
