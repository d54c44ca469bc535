"""Batches made on the fly: batch number N of a recipe is always the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from qsmbids.inference.perturbation import perturbation
from qsmbids.physics import DipoleConvolution
from qsmbids.physics.torch_dipole import Dipole
from qsmbids.training.data.augmentation import reorient
from qsmbids.training.data.corruption import Degradation, degraded, random_dipole
from qsmbids.training.data.grain import add_grain
from qsmbids.training.data.random_fields import SmoothNoise
from qsmbids.training.data.sources import Data, make_fields, make_head_images, make_worlds
from qsmbids.training.methods.recipe import Recipe

Batch = dict[str, torch.Tensor]


def _pick(rng: np.random.Generator, shares: Mapping[Any, float]) -> Any:
    names, weights = zip(*shares.items(), strict=True)
    return names[rng.choice(len(names), p=np.array(weights) / sum(weights))]


class Samples(Dataset[Batch]):
    """The batches of a recipe by number; each is made when it is asked for.

    Parameters
    ----------
    recipe : Recipe
        What to make.
    data : Data, optional
        The folders that the recipe's worlds need.
    held_out : bool
        Make validation batches: another head, other subjects, other seeds.

    Notes
    -----
    A batch holds ``field``, ``mask``, ``weight`` and, if all of its samples have labels, ``chi``
    (batch, 1, x, y, z); ``kernel`` (batch, 1, px, py, pz // 2 + 1), ``padded`` (3,),
    ``geometry`` (batch, 1, 6), the kernel's voxel edges and B0 direction;
    ``voxel_size`` (batch, 3), 1 throughout for simulated samples; with perturbation ``source``
    and ``source_field``; with noise on the input ``noise``; with two domains the target's under
    names that begin with ``target_``; for a spread ``choice`` (batch,), which decides whose map
    of the sample to take. For brain masks it holds what
    `qsmbids.training.data.head_images.HeadSamples` gives.
    """

    def __init__(self, recipe: Recipe, data: Data | None = None, held_out: bool = False):
        self.recipe, self.held_out, data = recipe, held_out, data or Data()
        self.augmentation = () if held_out else recipe.augmentation
        self.worlds = make_worlds(recipe, data, held_out)
        self.fields = make_fields(recipe, data, held_out, self.augmentation)
        self.head_images = make_head_images(recipe)

    def __getitem__(self, number: int) -> Batch:
        """Return batch ``number``."""
        recipe = self.recipe
        rng = np.random.default_rng([recipe.seed, int(self.held_out), number])
        size = int(_pick(rng, recipe.patches))
        batch = collate([self.sample(rng, size) for _ in range(recipe.batch)])
        if recipe.objective == "domains":
            unlabelled = [self.sample(rng, size, target=True) for _ in range(recipe.batch)]
            target = collate(unlabelled)
            target.pop("chi", None)
            batch.update({f"target_{key}": value for key, value in target.items()})
        if recipe.objective == "spread":
            batch["choice"] = torch.from_numpy(rng.random(recipe.batch))
        return batch

    def sample(self, rng: np.random.Generator, size: int, target: bool = False) -> dict[str, Any]:
        """Return one sample as arrays, of the domain without labels if so wanted."""
        recipe = self.recipe
        if self.head_images is not None:
            return self.head_images(rng, size)
        noise = SmoothNoise(rng, (size,) * 3)
        world = _pick(rng, (recipe.target_worlds if target else None) or recipe.worlds)
        if world == "fields" and self.fields is not None:
            sample, dipole, voxel_size = self.fields(rng, size)
        else:
            how = recipe.target if target else recipe.degradation
            sample, dipole = self._simulated(rng, world, noise, how)
            voxel_size = (1.0, 1.0, 1.0)
        sample |= {"kernel": dipole.kernel, "padded": dipole.padded, "voxel_size": voxel_size}
        sample["geometry"] = np.array([*dipole.voxel_size, *dipole.b0_dir], np.float32)
        if recipe.perturbation is not None:
            how_many = recipe.sources
            source, field = perturbation(
                rng, dipole, recipe.perturbation, how_many.strength,
                count=how_many.count, radii=how_many.radii,
            )  # fmt: skip
            sample |= {"source": source, "source_field": field}
        if recipe.input_noise:
            white = rng.standard_normal(noise.shape, dtype=np.float32)
            sample["noise"] = np.float32(recipe.input_noise) * white
        return sample

    def _simulated(
        self, rng: np.random.Generator, world: str, noise: SmoothNoise, how: Degradation
    ) -> tuple[dict[str, Any], DipoleConvolution]:
        """Return a sample of one of the worlds with labels, and its dipole."""
        chi, mask = self.worlds[world](rng, noise)
        if self.recipe.grain.share and world != "maps":  # a map has its own
            how_much, is_head = self.recipe.grain, world == "heads"
            chi = add_grain(rng, chi, mask, noise=noise, how=how_much, is_head=is_head)
        if self.augmentation:
            # the field is simulated after it, so that B0 may have any direction
            (chi, mask), _, _ = reorient(rng, (chi, mask), (1, 1, 1), (0, 0, 1), self.augmentation)
        dipole = random_dipole(rng, noise.shape, how)
        return degraded(rng, chi, mask, dipole=dipole, noise=noise, how=how), dipole


def collate(samples: list[dict[str, Any]]) -> Batch:
    """Stack what samples of one size have in common into a batch."""
    common = [key for key in samples[0] if all(key in sample for sample in samples)]
    batch = {
        key: torch.from_numpy(np.stack([s[key] for s in samples])[:, None])
        for key in common
        if key not in ("padded", "voxel_size")
    }
    if "padded" in samples[0]:
        batch["padded"] = torch.tensor(samples[0]["padded"])
        batch["voxel_size"] = torch.tensor([sample["voxel_size"] for sample in samples])
    return batch


def dipole_of(batch: Batch, prefix: str = "") -> Dipole:
    """Return the dipole of a batch."""
    return Dipole(batch[prefix + "kernel"], tuple(batch[prefix + "padded"].tolist()))
