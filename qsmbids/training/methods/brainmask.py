"""brainmask: the distance to the brain's surface, in images of heads that never were.

Each image is synthesised from a label map of a whole head, with a random contrast, so that the
network knows none and takes any.

References
----------
Hoopes A, Mora JS, Dalca AV, Fischl B, Hoffmann M. SynthStrip: skull-stripping for any brain image.
NeuroImage 2022;260:119474.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from qsmbids.networks.base import Network
from qsmbids.networks.losses import dice, distance_loss
from qsmbids.training.data.batches import Batch
from qsmbids.training.data.head_images import HeadImages, HeadSamples
from qsmbids.training.data.label_maps import label_map_files
from qsmbids.training.data.sources import Data
from qsmbids.training.methods.recipe import Recipe, Sampler


@dataclass(frozen=True)
class BrainMask(Recipe):
    """Learns from images synthesised from label maps.

    Parameters
    ----------
    images : HeadImages
        How images of heads are synthesised.
    """

    images: HeadImages = field(default_factory=HeadImages)

    @property
    def all_sources(self) -> tuple[str, ...]:
        """Names of what it learns from."""
        return ("label-maps",)

    def samplers(self, data: Data) -> tuple[Sampler, ...]:
        """Return what draws images, with their distances and fields of view."""
        return (HeadSamples(label_map_files(), self.images),)

    def held_out(self, data: Data) -> dict[str, Sampler]:
        """Return the same: the label maps are few, and every image of them is another."""
        return dict(zip(self.all_sources, self.samplers(data), strict=True))

    def loss(self, model: Network, batch: Batch, progress: float) -> Tensor:
        """Return the error of the distance, and one minus the soft Dice coefficient."""
        return distance_loss(model(batch["image"]), batch["distance"], batch["mask"])

    def score(self, model: Network, batch: Batch, domain: int = 0) -> Tensor:
        """Return each mask's Dice coefficient in %."""
        inside, brain = model(batch["image"]) < 0, batch["distance"] < 0
        return 100 * dice(inside.float(), brain.float(), batch["mask"])

    def measure(self, source: str) -> str:
        """Return what `score` measures."""
        return "Dice coefficient"


BRAINMASK = BrainMask(
    name="brainmask",
    architecture="brainmask",
    config={"base": 32, "levels": 4},
    patches={64: 0.8, 96: 0.2},
    steps=20_000,
)
