"""What the methods share that train a network from field to susceptibility."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from qsmbids.networks.base import Network
from qsmbids.networks.losses import LABEL_LOSSES, data_term, masked_mean, total_variation
from qsmbids.training.data import SOURCES
from qsmbids.training.data.augmentation import AUGMENTATIONS
from qsmbids.training.data.batches import Batch, dipole_of
from qsmbids.training.data.samples import Domain, FieldSamples
from qsmbids.training.data.sources import TARGET, Data
from qsmbids.training.methods.recipe import Recipe, Sampler, check_choice, check_shares


@dataclass(frozen=True)
class InversionRecipe(Domain, Recipe):
    """A method that learns from local fields: a recipe with the options of a `Domain`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("augmentation", self.augmentation, AUGMENTATIONS)
        check_choice("source", self.all_sources, SOURCES)
        check_shares("sources", self.sources)
        self.check_numbers("rim")
        if "fields" in self.sources and self.unlabelled != "sources":
            raise ValueError(
                "measured fields have no labels: they go with uqsm and uqsm+, or into the "
                "target_sources of qsminvnet+"
            )
        rim = self.rim if "fields" in self.all_sources else 0
        for name, width in (("rim", rim), ("margin", self.shapes.margin or 0)):
            if not 0 <= 2 * width < min(self.patches):
                raise ValueError(f"a {name} of {width} leaves nothing of the smallest patch")

    @property
    def all_sources(self) -> tuple[str, ...]:
        """Names of what it learns from."""
        return tuple(self.sources)

    def samplers(self, data: Data) -> tuple[Sampler, ...]:
        """Return what draws the samples of a training."""
        return (FieldSamples(self, data, max(self.patches)),)

    def held_out(self, data: Data) -> dict[str, Sampler]:
        """Return what draws samples of each source that training never sees."""
        return self.each_source(self, data)

    def each_source(self, domain: Domain, data: Data) -> dict[str, Sampler]:
        """Return what draws held-out samples of a domain's sources, one by one."""
        largest = max(self.patches)
        return {
            name: FieldSamples(domain.alone({name: 1.0}), data, largest, held_out=True)
            for name in domain.sources
        }

    def score(self, model: Network, batch: Batch, domain: int = 0) -> Tensor:
        """Return each map's NRMSE, or what it leaves of a measured field, in %."""
        chi = model(batch["field"], batch["mask"], dipole_of(batch), domain=domain)
        return nrmse(chi, batch) if "chi" in batch else field_residual(chi, batch)

    def measure(self, source: str) -> str:
        """Return what `score` measures in % on the samples of a source."""
        return "field residual" if source.removeprefix(TARGET) == "fields" else "NRMSE"


@dataclass(frozen=True)
class LabelRecipe(InversionRecipe):
    """A method that learns from the true susceptibility.

    Parameters
    ----------
    label_loss : {"l1", "l2", "root-l2"}
        Each sample's loss is relative to its own label.
    """

    label_loss: str = "l1"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("label_loss", [self.label_loss], LABEL_LOSSES)

    def loss(self, model: Network, batch: Batch, progress: float) -> Tensor:
        """Return the distance of the map from its label."""
        chi = model(batch["field"], batch["mask"], dipole_of(batch))
        return LABEL_LOSSES[self.label_loss](chi, batch["chi"], batch["mask"])


def field_loss(
    chi: Tensor, batch: Batch, data_weight: float, tv: float, prefix: str = ""
) -> Tensor:
    """Return data term and total variation, each sample's with its own voxel size.

    Parameters
    ----------
    chi : (batch, 1, x, y, z) tensor
        Susceptibility in ppm.
    batch : dict
        ``field``, ``mask``, ``weight`` and geometry, under names that begin with ``prefix``.
    data_weight, tv : float
        The weights of the two terms.
    """
    measured, mask, weight = (batch[prefix + key] for key in ("field", "mask", "weight"))
    data = data_term(chi, measured, weight, dipole_of(batch, prefix))
    variation = [
        total_variation(chi[i : i + 1], mask[i : i + 1], voxel_size)
        for i, voxel_size in enumerate(batch[prefix + "voxel_size"].tolist())
    ]
    return data_weight * data + tv * torch.stack(variation).mean()


def noisy_field(batch: Batch, prefix: str = "") -> Tensor:
    """Return the field as the network sees it: with the batch's ``noise``, if it has any."""
    noise = batch.get(prefix + "noise")
    clean, mask = batch[prefix + "field"], batch[prefix + "mask"]
    return clean if noise is None else (clean + noise) * mask


def field_residual(chi: Tensor, batch: Batch) -> Tensor:
    """Return how much of each sample's field, weighted, the map leaves unexplained, in %.

    It tells whether a training goes on well, not how good the maps are: noise is part of it.
    """
    measured, weight = batch["field"], batch["weight"]
    error = masked_mean((weight * (dipole_of(batch)(chi) - measured)) ** 2, weight > 0)
    norm = masked_mean((weight * measured) ** 2, weight > 0)
    return 100 * (error / norm.clamp(min=1e-12)).sqrt()


def nrmse(chi: Tensor, batch: Batch) -> Tensor:
    """Return each sample's error in % of the label's norm over the mask, both of zero mean."""
    mask, label = batch["mask"], batch["chi"]
    error = masked_mean((chi - label) ** 2, mask) - masked_mean(chi - label, mask) ** 2
    norm = masked_mean(label**2, mask) - masked_mean(label, mask) ** 2
    return 100 * (error.clamp(min=0) / norm.clamp(min=1e-12)).sqrt()
