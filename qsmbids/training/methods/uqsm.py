"""uQSM: a U-Net that learns from the field alone, by a nonlinear data term and total variation.

References
----------
Liu and Koch, "Model-based learning for quantitative susceptibility mapping", MLMIR 2020,
https://doi.org/10.1007/978-3-030-61598-7_5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from qsmbids.networks.base import Network
from qsmbids.training.data.batches import Batch, collate, dipole_of
from qsmbids.training.data.corruption import CLEAN
from qsmbids.training.methods.inversion import InversionRecipe, field_loss, noisy_field
from qsmbids.training.methods.recipe import Sampler


@dataclass(frozen=True)
class Uqsm(InversionRecipe):
    """Learns without labels.

    Parameters
    ----------
    data_weight, tv : float
        Weights of the data term (eq. 2) and of total variation.
    input_noise : float
        Gaussian noise in ppm that the network sees on the field, and the data term does not.
    """

    unlabelled: ClassVar[str] = "sources"

    data_weight: float = 1.0
    tv: float = 0.06
    input_noise: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_numbers("data_weight", "tv", "input_noise")

    def make_batch(self, rng: np.random.Generator, size: int, *samplers: Sampler) -> Batch:
        """Return a batch of fields; simulated ones keep their label for the score."""
        return collate([self.make_sample(rng, samplers[0](rng, size)) for _ in range(self.batch)])

    def make_sample(self, rng: np.random.Generator, sample: dict[str, Any]) -> dict[str, Any]:
        """Return a sample with all that the loss needs."""
        return with_input_noise(rng, sample, self.input_noise)

    def loss(self, model: Network, batch: Batch, progress: float) -> Tensor:
        """Return data term and total variation of the map."""
        chi = model(noisy_field(batch), batch["mask"], dipole_of(batch))
        return field_loss(chi, batch, self.data_weight, self.tv)


def with_input_noise(
    rng: np.random.Generator, sample: dict[str, Any], size: float
) -> dict[str, Any]:
    """Return a sample with Gaussian ``noise`` of that standard deviation in ppm; 0 for none."""
    if not size:
        return sample
    white = rng.standard_normal(sample["mask"].shape, dtype=np.float32)
    return {**sample, "noise": np.float32(size) * white}


UQSM = Uqsm(
    name="uqsm",
    config={"base": 16, "levels": 5},
    sources={"heads": 1.0},
    corruption=replace(CLEAN, noise=0.005, scale=(0.7, 1.4)),
    learning_rate=5e-4,
    schedule="exponential",
    ema=0.0,
    steps=3_000,
)
