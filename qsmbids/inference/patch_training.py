"""Training a network on random patches of the one subject's field."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from qsmbids.inference.fine_tuning import hold_out, log_iteration, step
from qsmbids.inference.patches import random_window
from qsmbids.inference.perturbation import PERTURBATIONS, perturbation
from qsmbids.inference.predictor import SMALLEST, Predictor
from qsmbids.networks.losses import consistency_loss, consistency_weight, data_term, total_variation
from qsmbids.physics import DipoleConvolution
from qsmbids.physics.torch_dipole import Dipole


@dataclass(frozen=True)
class PatchOptions:
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
        Shape of the added sources, see `qsmbids.inference.perturbation.perturbation`; none
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


def train_on_patches(predictor: Predictor, options: PatchOptions, held_out: float) -> None:
    """Train a network on patches of one volume, by data term, total variation and consistency.

    Parameters
    ----------
    predictor, options
        What to train, and how; the network's weights change.
    held_out : float
        Share of the voxels that are kept from it as they are in `fine_tune` of the same seed.

    References
    ----------
    Liu, "Improved model-based learning with data augmentation for QSM", MIDL 2022, eq. 6.
    """
    blinded, hidden = hold_out(predictor, held_out, options.seed)
    seen_weight = predictor.weight() * (predictor.mask - hidden)
    shape = [min(n, options.size) for n in predictor.mask.shape[2:]]
    convolution = DipoleConvolution(shape, **predictor.problem.geometry)
    dipole = Dipole.batch([convolution.kernel], convolution.padded).to(predictor.device)
    optimizer = torch.optim.Adam(predictor.model.parameters(), options.learning_rate)
    total = max(options.iterations, 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda iteration: math.exp(-options.decay * (iteration / total))
    )
    rng = np.random.default_rng(options.seed)
    for iteration in range(options.iterations):
        mask, field, confidence = random_patches(
            rng, [predictor.mask, blinded, seen_weight], shape, options.batch
        )
        chi = predictor.model(field, mask, dipole)
        loss = data_term(chi, field, confidence, dipole)
        loss = loss + options.tv * total_variation(chi, mask, predictor.problem.voxel_size)
        if options.perturbation is not None:
            source = _sources(rng, convolution, options, predictor.device)
            error = consistency_loss(predictor.model, chi, field, mask, dipole, source=source)
            loss = loss + consistency_weight(iteration / total, *options.consistency) * error
        step(optimizer, loss)
        schedule.step()
        log_iteration(iteration + 1, options.iterations, float(loss.detach()))


def random_patches(
    rng: np.random.Generator, images: Sequence[Tensor], shape: Sequence[int], count: int
) -> list[Tensor]:
    """Return ``count`` patches of each image, at least half inside the mask where it can be.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    images : sequence of (1, 1, x, y, z) tensor
        Cut alike; the first is the mask.
    shape : (3,) sequence of int
        Of a patch.
    count : int
        How many.

    Returns
    -------
    list of (count, 1, x, y, z) tensor
        One an image.
    """
    mask = images[0][0, 0].cpu().numpy()
    windows = [random_window(rng, mask, shape) for _ in range(count)]
    return [torch.cat([image[:, :, x, y, z] for x, y, z in windows]) for image in images]


def _sources(
    rng: np.random.Generator, dipole: DipoleConvolution, options: PatchOptions, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return added sources and their fields for a batch, in ppm."""
    kind = options.perturbation or "ellipsoid"
    drawn = [perturbation(rng, dipole, kind, options.strength) for _ in range(options.batch)]
    added, field = (torch.from_numpy(np.stack(part)[:, None]) for part in zip(*drawn, strict=True))
    return added.to(device), field.to(device)
