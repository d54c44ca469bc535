"""QSMInvNet+: labels of one domain and fields without labels of another, the target.

Both domains have batch statistics of their own. The target is learnt by the data term and total
variation of uQSM, with a weight that grows while labels teach the network what an inversion is.

References
----------
Liu and Koch, "Exploring domain adaptation for deep neural network trained QSM", ISMRM 2021, 3980;
Chang et al., "Domain-specific batch normalization", CVPR 2019.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from torch import Tensor

from qsmbids.networks.base import Network
from qsmbids.training.data.batches import Batch, collate, dipole_of
from qsmbids.training.data.corruption import Corruption
from qsmbids.training.data.samples import Domain, FieldSamples
from qsmbids.training.data.sources import TARGET, Data
from qsmbids.training.methods.inversion import LabelRecipe, field_loss, noisy_field
from qsmbids.training.methods.qsminvnet import QSMINVNET
from qsmbids.training.methods.recipe import Sampler, check_shares
from qsmbids.training.methods.uqsm import with_input_noise


@dataclass(frozen=True)
class QsmInvNetPlus(LabelRecipe):
    """Learns from two domains.

    Parameters
    ----------
    target : Corruption
        Of the simulated fields of the target.
    target_sources : mapping of str to float, optional
        The target's sources; by default those of the labels.
    data_weight, tv, input_noise : float
        As in `qsmbids.training.methods.uqsm.Uqsm`, for the target.
    """

    unlabelled: ClassVar[str] = "target_sources"

    target: Corruption = field(default_factory=Corruption)
    target_sources: Mapping[str, float] | None = None
    data_weight: float = 1.0
    tv: float = 0.06
    input_noise: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_shares("target_sources", self.target_domain.sources)
        self.check_numbers("data_weight", "tv", "input_noise")

    @property
    def all_sources(self) -> tuple[str, ...]:
        """Names of what it learns from, in both domains."""
        return tuple(dict.fromkeys([*self.sources, *(self.target_sources or {})]))

    @property
    def target_domain(self) -> Domain:
        """The fields without labels."""
        return self.alone(self.target_sources or self.sources, corruption=self.target)

    def samplers(self, data: Data) -> tuple[Sampler, ...]:
        """Return what draws the samples of both domains."""
        return *super().samplers(data), FieldSamples(self.target_domain, data, max(self.patches))

    def held_out(self, data: Data) -> dict[str, Sampler]:
        """Return what draws samples of each domain's sources that training never sees."""
        target = self.each_source(self.target_domain, data)
        return super().held_out(data) | {TARGET + name: one for name, one in target.items()}

    def make_batch(self, rng: np.random.Generator, size: int, *samplers: Sampler) -> Batch:
        """Return a batch with the target's images under names that begin with ``target_``."""
        batch = super().make_batch(rng, size, samplers[0])
        unlabelled = [
            with_input_noise(rng, samplers[1](rng, size), self.input_noise)
            for _ in range(self.batch)
        ]
        target = collate(unlabelled)
        target.pop("chi", None)
        return batch | {f"target_{key}": value for key, value in target.items()}

    def loss(self, model: Network, batch: Batch, progress: float) -> Tensor:
        """Return the loss of the labels and, with a growing weight, that of the target."""
        seen = noisy_field(batch, "target_")
        chi = model(seen, batch["target_mask"], dipole_of(batch, "target_"), domain=1)
        target = field_loss(chi, batch, self.data_weight, self.tv, "target_")
        return super().loss(model, batch, progress) + progress * target


OWN_NORMS = {**QSMINVNET.config, "norm": "domain", "domains": 2}
QSMINVNET_PLUS = QsmInvNetPlus(**vars(QSMINVNET) | {"name": "qsminvnet+", "config": OWN_NORMS})
