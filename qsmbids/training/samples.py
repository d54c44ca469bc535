"""Batches made on the fly: batch number N of a recipe is always the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from qsmbids.nets.sources import perturbation
from qsmbids.training.degrade import Degradation, degraded, random_dipole
from qsmbids.training.heads import Heads
from qsmbids.training.noise import SmoothNoise
from qsmbids.training.recipes import Recipe
from qsmbids.training.shapes import random_mask, random_shapes

Float = NDArray[np.float32]
World = Callable[[np.random.Generator, SmoothNoise], tuple[NDArray[np.float32], NDArray[np.bool_]]]
Batch = dict[str, torch.Tensor]


def shapes_world(
    rng: np.random.Generator, noise: SmoothNoise
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return random shapes in a random mask."""
    return random_shapes(rng, noise), random_mask(rng, noise)


def _pick(rng: np.random.Generator, shares: Mapping[Any, float]) -> Any:
    names, weights = zip(*shares.items(), strict=True)
    return names[rng.choice(len(names), p=np.array(weights) / sum(weights))]


class Samples(Dataset[Batch]):
    """The batches of a recipe by number; each is made when it is asked for.

    Parameters
    ----------
    recipe : Recipe
        What to make.
    heads : Path, optional
        Folder of simulated heads, where the recipe needs them.
    held_out : bool
        Make validation batches: another head, other seeds.

    Notes
    -----
    A batch holds ``field``, ``mask``, ``chi``, ``weight`` (batch, 1, x, y, z), ``kernel``
    (batch, 1, px, py, pz // 2 + 1), ``padded`` (3,); with perturbation ``source`` and
    ``source_field``; with two domains the target's under names that begin with ``target_``.
    """

    def __init__(self, recipe: Recipe, heads: Path | None = None, held_out: bool = False):
        self.recipe, self.held_out = recipe, held_out
        self.worlds: dict[str, World] = {"shapes": shapes_world}
        if heads is not None and "heads" in recipe.worlds:
            self.worlds["heads"] = Heads(heads, held_out)

    def __getitem__(self, number: int) -> Batch:
        """Return batch ``number``."""
        recipe = self.recipe
        rng = np.random.default_rng([recipe.seed, int(self.held_out), number])
        size = int(_pick(rng, recipe.patches))
        batch = collate([self.sample(rng, size) for _ in range(recipe.batch)])
        if recipe.objective == "domains":
            unlabelled = [self.sample(rng, size, recipe.target) for _ in range(recipe.batch)]
            target = collate(unlabelled)
            del target["chi"]
            batch.update({f"target_{key}": value for key, value in target.items()})
        return batch

    def sample(
        self, rng: np.random.Generator, size: int, how: Degradation | None = None
    ) -> dict[str, Any]:
        """Return one sample as arrays, degraded as the recipe says if not told otherwise."""
        recipe, shape = self.recipe, (size,) * 3
        noise = SmoothNoise(rng, shape)
        chi, mask = self.worlds[_pick(rng, recipe.worlds)](rng, noise)
        how = how or recipe.degradation
        dipole = random_dipole(rng, shape, how)
        sample: dict[str, Any] = degraded(rng, chi, mask, dipole=dipole, noise=noise, how=how)
        sample |= {"kernel": dipole.kernel, "padded": dipole.padded}
        if recipe.perturbation is not None:
            source, field = perturbation(rng, dipole, recipe.perturbation)
            sample |= {"source": source, "source_field": field}
        return sample


def collate(samples: list[dict[str, Any]]) -> Batch:
    """Stack samples of one size into a batch."""
    batch = {
        key: torch.from_numpy(np.stack([s[key] for s in samples])[:, None])
        for key in samples[0]
        if key != "padded"
    }
    batch["padded"] = torch.tensor(samples[0]["padded"])
    return batch
