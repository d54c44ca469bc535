"""uQSM+: uQSM with consistency under added sources.

Strong sources of simple shape are added to the map, and their field to the field: inside them the
two maps must differ by the sources, outside not at all. That consistency's weight rises, falls
and stays low.

References
----------
Liu, "Improved model-based learning with data augmentation for quantitative susceptibility
mapping", MIDL 2022.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from qsmbids.inference.perturbation import PERTURBATIONS, perturbation
from qsmbids.networks.base import Network
from qsmbids.networks.losses import consistency_loss, consistency_weight
from qsmbids.training.data.batches import Batch, dipole_of
from qsmbids.training.methods.inversion import field_loss, noisy_field
from qsmbids.training.methods.recipe import check_choice
from qsmbids.training.methods.uqsm import UQSM, Uqsm


@dataclass(frozen=True)
class AddedSources:
    """How many sources are added, how large and how strong.

    Parameters
    ----------
    count : int
        How many.
    radii : (2,) tuple of float
        Range of their semi-axes in voxels.
    strength : float
        Their susceptibility in ppm, about; one in three is negative.
    """

    count: int = 6
    radii: tuple[float, float] = (2.0, 6.0)
    strength: float = 1.5


@dataclass(frozen=True)
class UqsmPlus(Uqsm):
    """Learns without labels, and what added sources do to a map.

    Parameters
    ----------
    perturbation : {"ellipsoid", "sphere", "cuboid", "cylinder"}
        Their shape.
    added_sources : AddedSources
        How many they are, how large and how strong.
    consistency : (2,) tuple of float
        Highest and last weight of the consistency.
    """

    perturbation: str = "ellipsoid"
    added_sources: AddedSources = field(default_factory=AddedSources)
    consistency: tuple[float, float] = (1.5, 0.1)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("perturbation", [self.perturbation], PERTURBATIONS)

    def make_sample(self, rng: np.random.Generator, sample: dict[str, Any]) -> dict[str, Any]:
        """Return a sample with ``source``, what is added in ppm, and its ``source_field``."""
        how = self.added_sources
        source, its_field = perturbation(
            rng,
            sample["dipole"],
            self.perturbation,
            how.strength,
            count=how.count,
            radii=how.radii,
        )
        return super().make_sample(rng, {**sample, "source": source, "source_field": its_field})

    def loss(self, model: Network, batch: Batch, progress: float) -> Tensor:
        """Return uQSM's loss and, weighted, the errors of eqs. 4 and 5."""
        seen, mask, dipole = noisy_field(batch), batch["mask"], dipole_of(batch)
        chi = model(seen, mask, dipole)
        added = batch["source"], batch["source_field"]
        error = consistency_loss(model, chi, seen, mask, dipole, source=added)
        weight = consistency_weight(progress, *self.consistency)
        return field_loss(chi, batch, self.data_weight, self.tv) + weight * error


UQSM_PLUS = UqsmPlus(**vars(UQSM) | {"name": "uqsm+"})
