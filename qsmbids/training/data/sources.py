"""Where the samples of a recipe come from, and what is known of those data."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qsmbids.errors import InputError
from qsmbids.networks.weights_file import digest
from qsmbids.training.data.deformed_maps import Maps
from qsmbids.training.data.head_images import HeadSamples
from qsmbids.training.data.label_maps import label_map_files
from qsmbids.training.data.measured_fields import Fields
from qsmbids.training.data.random_fields import SmoothNoise
from qsmbids.training.data.shapes import Shapes, box_mask, random_mask, random_shapes
from qsmbids.training.data.simulated_heads import Heads, head_files
from qsmbids.training.data.subjects import Subjects
from qsmbids.training.methods.recipe import TARGET, Recipe

Source = tuple[NDArray[np.float32], NDArray[np.bool_]]
World = Callable[[np.random.Generator, SmoothNoise], Source]


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

    def names(self, world: str, size: int, held_out: bool) -> tuple[str, ...]:
        """Return the subjects of a world; those of training where none is held out.

        Raises
        ------
        InputError
            If there is none, or one is too small for half of a patch of edge ``size``.
        """
        fitting = self.store.with_chi if world == "maps" else self.store.names
        kept = [name for name in fitting if name in self.kept_out()]
        seen = [name for name in fitting if name not in kept]
        if not seen:
            what = "with susceptibility (chi) " if world == "maps" else ""
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

    def describe(self, recipe: Recipe) -> dict[str, Any]:
        """Return what a model card says of the data: names and checksums."""
        about: dict[str, Any] = {"worlds": list(recipe.all_worlds)}
        if self.heads is not None and "heads" in recipe.all_worlds:
            digests = [digest(path) for path in head_files(self.heads)]
            together = hashlib.sha256("".join(digests).encode()).hexdigest()
            about["heads"] = {"count": len(digests), "sha256": together}
        if "label-maps" in recipe.all_worlds:
            about["label_maps"] = {path.name: digest(path) for path in label_map_files()}
        if {"maps", "fields"} & set(recipe.all_worlds):
            about["subjects"] = self.store.digests()
            about["held_out"] = list(self.kept_out())
            about["scored_on"] = {
                world: list(self.names(world, max(recipe.patches), held_out=True))
                for world in recipe.all_worlds
                if world in ("maps", "fields")
            }
        return about


def score_name(what: str, world: str, data: Mapping[str, Any]) -> str:
    """Return what a score is called: ``held-out`` only if training has not seen its subjects.

    Parameters
    ----------
    what : str
        What is measured.
    world : str
        On the samples of which world, of either domain.
    data : mapping
        From `Data.describe`.
    """
    scored = data.get("scored_on", {}).get(world.removeprefix(TARGET), ())
    return f"{'held-out' if set(scored) <= set(data.get('held_out', ())) else 'training'} {what}"


def make_worlds(recipe: Recipe, data: Data, held_out: bool) -> dict[str, World]:
    """Return the recipe's worlds with labels: each gives susceptibility (ppm) and mask."""
    made: dict[str, World] = {}
    for world in recipe.all_worlds:
        if world == "shapes":
            made[world] = _ShapesWorld(recipe.shapes)
        elif world == "heads":
            if data.heads is None:
                raise InputError("The recipe learns from simulated heads; give their folder.")
            made[world] = Heads(data.heads, held_out)
        elif world == "maps":
            names = data.names(world, max(recipe.patches), held_out)
            made[world] = Maps(data.store, names, recipe.variation)
    return made


def make_fields(
    recipe: Recipe, data: Data, held_out: bool, augmentation: Sequence[str]
) -> Fields | None:
    """Return the world of measured fields, if the recipe has it."""
    if "fields" not in recipe.all_worlds:
        return None
    names = data.names("fields", max(recipe.patches), held_out)
    return Fields(data.store, names, recipe.rim, augmentation)


def make_head_images(recipe: Recipe) -> HeadSamples | None:
    """Return the source of images of heads, if the recipe has them."""
    if "label-maps" not in recipe.all_worlds:
        return None
    return HeadSamples(label_map_files(), recipe.images)


@dataclass(frozen=True)
class _ShapesWorld:
    """Random shapes in a random mask, or in one with a margin all around."""

    how: Shapes

    def __call__(self, rng: np.random.Generator, noise: SmoothNoise) -> Source:
        chi = random_shapes(rng, noise, self.how)
        if self.how.margin is None:
            return chi, random_mask(rng, noise)
        return chi, box_mask(noise.shape, self.how.margin)
