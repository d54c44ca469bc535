"""Training a network on random patches of the one subject's field."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from qsmbids.inference.added_sources import PERTURBATIONS, perturbation
from qsmbids.inference.fine_tuning import hold_out
from qsmbids.inference.patches import random_window
from qsmbids.inference.predict import SMALLEST, Setup
from qsmbids.inference.progress import Progress
from qsmbids.networks.losses import consistency_loss, consistency_weight, data_term, total_variation
from qsmbids.physics import DipoleConvolution
from qsmbids.physics.torch_dipole import Dipole


@dataclass(frozen=True)
class PatchTraining:
    """How to train on patches of one volume; the defaults are the paper's.

    Parameters
    ----------
    iterations : int
        How many.
    size : int
        Edge of a patch in voxels; an axis of the volume that is shorter is taken whole.
    batch : int
        Patches an iteration.
    tv : float
        Weight of total variation beside the data term.
    perturbation : str or None
        Shape of the added sources, see `qsmbids.inference.added_sources.perturbation`; none
        for uQSM.
    strength : float
        Their susceptibility in ppm, about.
    consistency : (2,) tuple of float
        Highest and last weight of the consistency under added sources.
    learning_rate : float
        Adam's at first.
    decay : float
        By how many factors e it falls over the training.
    seed : int
        Of patches and sources.
    """

    iterations: int = 2000
    size: int = 96
    batch: int = 2
    tv: float = 0.06
    perturbation: str | None = "ellipsoid"
    strength: float = 1.5
    consistency: tuple[float, float] = (1.5, 0.1)
    learning_rate: float = 2e-4
    decay: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.perturbation not in (None, *PERTURBATIONS):
            known = ", ".join(PERTURBATIONS)
            raise ValueError(f"the perturbation {self.perturbation!r} is none of {known}, none")
        if self.iterations < 0 or self.batch < 1 or self.size < SMALLEST:
            raise ValueError(
                "patch training needs iterations of at least 0, a batch of at least 1 and "
                f"patches of at least {SMALLEST} voxels"
            )
        if min(self.learning_rate, self.strength) <= 0 or self.tv < 0:
            raise ValueError(
                "patch training needs a positive learning rate and strength, and a total "
                "variation that is not negative"
            )


class Patches:
    """Random patches of one volume, at least half inside the mask where it can be.

    Parameters
    ----------
    images : sequence of (1, 1, x, y, z) tensor
        Cut alike; the first is the mask.
    size : int
        Edge of a patch in voxels, at most.
    """

    def __init__(self, images: Sequence[Tensor], size: int):
        self.images, self.mask = images, images[0][0, 0].cpu().numpy()
        self.shape = tuple(min(n, size) for n in self.mask.shape)

    def __call__(self, rng: np.random.Generator, count: int) -> list[Tensor]:
        """Return ``count`` patches of each image, (count, 1, x, y, z)."""
        parts = [self._one(rng) for _ in range(count)]
        return [torch.cat(images) for images in zip(*parts, strict=True)]

    def _one(self, rng: np.random.Generator) -> list[Tensor]:
        x, y, z = random_window(rng, self.mask, self.shape)
        return [image[:, :, x, y, z] for image in self.images]


def train_on_patches(
    setup: Setup,
    weight: Tensor,
    how: PatchTraining,
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
    held_out: float,
) -> None:
    """Train a network on patches of one volume, by data term, total variation and consistency.

    Parameters
    ----------
    setup : Setup
        The network and its volume; the network's weights change.
    weight : (1, 1, x, y, z) tensor
        W of the data term, 0 to 1.
    how : PatchTraining
        Its options.
    voxel_size, b0_dir : (3,) sequence of float
        Edge lengths in mm; B0 along the voxel axes.
    held_out : float
        Share of the voxels that are kept from it as they are in `fine_tune` of the same seed.

    References
    ----------
    Liu, "Improved model-based learning with data augmentation for QSM", MIDL 2022, eq. 6.
    """
    blinded, hidden = hold_out(setup, held_out, how.seed)
    patches = Patches([setup.mask, blinded, weight * (setup.mask - hidden)], how.size)
    convolution = DipoleConvolution(patches.shape, voxel_size, b0_dir)
    dipole = Dipole.batch([convolution.kernel], convolution.padded).to(setup.device)
    optimizer = torch.optim.Adam(setup.model.parameters(), how.learning_rate)
    rng, progress = np.random.default_rng(how.seed), Progress("patches", how.iterations)
    for iteration in range(how.iterations):
        done = iteration / how.iterations
        for group in optimizer.param_groups:
            group["lr"] = how.learning_rate * math.exp(-how.decay * done)
        mask, field, confidence = patches(rng, how.batch)
        chi = setup.model(field, mask, dipole)
        loss = data_term(chi, field, confidence, dipole)
        loss = loss + how.tv * total_variation(chi, mask, voxel_size)
        if how.perturbation is not None:
            added, its_field = (part.to(setup.device) for part in _sources(rng, convolution, how))
            error = consistency_loss(
                setup.model, chi, field, mask, dipole, source=(added, its_field)
            )
            loss = loss + consistency_weight(done, *how.consistency) * error
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        progress(iteration + 1, float(loss.detach()))


def _sources(
    rng: np.random.Generator, convolution: DipoleConvolution, how: PatchTraining
) -> tuple[Tensor, Tensor]:
    """Return added sources and their fields for a batch, in ppm."""
    kind = how.perturbation or "ellipsoid"
    drawn = [perturbation(rng, convolution, kind, how.strength) for _ in range(how.batch)]
    added, field = (torch.from_numpy(np.stack(part)[:, None]) for part in zip(*drawn, strict=True))
    return added, field
