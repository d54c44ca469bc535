"""What a training recipe says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from qsmbids.inference.perturbation import PERTURBATIONS
from qsmbids.options import with_options
from qsmbids.training.data.augmentation import AUGMENTATIONS
from qsmbids.training.data.corruption import Degradation
from qsmbids.training.data.deformed_maps import Variation
from qsmbids.training.data.grain import Grain
from qsmbids.training.data.head_images import HeadImages
from qsmbids.training.data.shapes import Shapes

WORLDS = ("shapes", "heads", "maps", "fields", "label-maps")
TARGET = "target "
"""Before a world's name in the scores of the domain without labels."""
_CHOICES = {
    "objective": ("labels", "field", "domains", "spread", "distance"),
    "label_loss": ("l1", "l2", "root-l2"),
    "schedule": ("cosine", "exponential"),
    "perturbation": (None, *PERTURBATIONS),
}


@dataclass(frozen=True)
class Sources:
    """The sources that a perturbation adds.

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
class Recipe:
    """Everything that decides the weights besides the number of steps.

    Parameters
    ----------
    name : str
        The recipe's name.
    architecture, config
        The network and its arguments, see ``qsmbids.networks.architectures.ARCHITECTURES``.
    objective : {"labels", "field", "domains", "spread", "distance"}
        Learn from labels; from the field alone, by the data term and total variation; from
        labels of one domain and fields of another; for the uncertainty, from the errors of
        other networks' maps; or, for the brain mask, the distance to the brain's surface.
    networks : tuple of str
        Those networks: paths of weights files or names of shipped ones; all shipped by default.
    label_loss : {"l1", "l2", "root-l2"}
        For labels; each sample's loss is relative to its own label.
    worlds : mapping of str to float
        ``shapes``, ``heads``, ``maps`` of susceptibility and measured ``fields``, with the share
        of each in the samples; maps and fields are of a store of subjects, fields have no labels.
        ``label-maps`` of whole heads are for the brain mask.
    degradation : Degradation
        How real the simulated fields are.
    target : Degradation
        How real those of the domain without labels are.
    target_worlds : mapping of str to float, optional
        The worlds of the domain without labels; by default those of the other.
    shapes, variation, grain
        What shapes there are, how far a patch departs from its map, and how much grain shapes
        and heads get.
    images : HeadImages
        How images of heads are synthesised from label maps.
    augmentation : tuple of str
        How samples are mirrored and turned, see `qsmbids.training.data.augmentation`.
    input_noise : float
        Gaussian noise in ppm that the network sees on a field without label, and the data term
        does not.
    rim : int
        Voxels along the cut faces of a patch of a measured field that its data term leaves out.
    patches : mapping of int to float
        Edge lengths of the patches in voxels, multiples of 16, with their shares.
    batch : int
        Samples a step.
    data_weight, tv : float
        Weights of the data term and of total variation.
    perturbation : str or None
        Shape of the added sources whose consistency is asked for (uQSM+); none by default.
    sources : Sources
        How many they are, how large and how strong.
    consistency : (2,) tuple of float
        Highest and last weight of that consistency.
    learning_rate : float
        Adam's, at its highest.
    schedule : {"cosine", "exponential"}
        Down to a fiftieth over the training, or by 1/e every 2,000 steps.
    clip : float
        Largest norm of the gradient.
    ema : float
        Decay of the running mean of the weights, which is what is kept; 0 for none.
    seed : int
        Of weights and data.
    steps : int
        How many, unless told otherwise.

    Raises
    ------
    ValueError
        If a value is out of its range, or two do not go together.
    """

    name: str
    architecture: str = "direct"
    config: Mapping[str, Any] = field(default_factory=dict)
    objective: str = "labels"
    networks: tuple[str, ...] = ()
    label_loss: str = "l1"
    worlds: Mapping[str, float] = field(default_factory=lambda: {"shapes": 0.6, "heads": 0.4})
    degradation: Degradation = field(default_factory=Degradation)
    target: Degradation = field(default_factory=Degradation)
    target_worlds: Mapping[str, float] | None = None
    shapes: Shapes = field(default_factory=Shapes)
    variation: Variation = field(default_factory=Variation)
    grain: Grain = field(default_factory=Grain)
    images: HeadImages = field(default_factory=HeadImages)
    augmentation: tuple[str, ...] = ()
    input_noise: float = 0.0
    rim: int = 8
    patches: Mapping[int, float] = field(default_factory=lambda: {64: 1.0})
    batch: int = 2
    data_weight: float = 1.0
    tv: float = 0.0
    perturbation: str | None = None
    sources: Sources = field(default_factory=Sources)
    consistency: tuple[float, float] = (1.5, 0.1)
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    clip: float = 1.0
    ema: float = 0.998
    seed: int = 0
    steps: int = 10_000

    def __post_init__(self) -> None:
        self._check_choices()
        self._check_numbers()
        self._check_combination()

    def _check_choices(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                known = ", ".join(str(choice or "none") for choice in choices)
                raise ValueError(f"{name} must be one of: {known}")
        given = (("augmentation", self.augmentation, AUGMENTATIONS),
                 ("world", self.all_worlds, WORLDS))  # fmt: skip
        for name, values, choices in given:
            if wrong := set(values) - set(choices):
                known = ", ".join(choices)
                raise ValueError(f"there is no {name} {min(wrong)!r}; choose from: {known}")

    def _check_numbers(self) -> None:
        for name in ("worlds", "target_worlds", "patches"):
            values = (getattr(self, name) or {"default": 1.0}).values()
            if min(values) < 0 or sum(values) <= 0:
                raise ValueError(f"shares of {name} must not be negative, one must be positive")
        if any(size < 16 or size % 16 for size in self.patches):
            raise ValueError("the edges of patches must be multiples of 16")
        for name in ("batch", "learning_rate", "clip", "steps"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive")
        for name in ("data_weight", "tv", "input_noise", "rim", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")
        if not 0 <= self.ema < 1:
            raise ValueError("ema must be at least 0 and below 1")

    def _check_combination(self) -> None:
        if "fields" in self.worlds and self.objective != "field":
            raise ValueError(
                "measured fields have no labels: they go with the objective 'field', or into "
                "target_worlds with the objective 'domains'"
            )
        if ("label-maps" in self.worlds) != (self.objective == "distance"):
            raise ValueError("label maps of heads go with the objective 'distance' and no other")
        if self.target_worlds is not None and self.objective != "domains":
            raise ValueError("target_worlds belongs to the objective 'domains'")
        if self.input_noise and self.objective not in ("field", "domains"):
            raise ValueError("input_noise belongs to fields without labels; use degradation.noise")
        left_out = {"rim": self.rim if "fields" in self.all_worlds else 0,
                    "margin": self.shapes.margin or 0}  # fmt: skip
        for name, width in left_out.items():
            if not 0 <= 2 * width < min(self.patches):
                raise ValueError(f"a {name} of {width} leaves nothing of the smallest patch")

    @property
    def all_worlds(self) -> tuple[str, ...]:
        """The worlds of both domains."""
        return tuple(dict.fromkeys([*self.worlds, *(self.target_worlds or {})]))

    def with_options(self, options: Mapping[str, Any] | Iterable[str]) -> Recipe:
        """Return the recipe with some fields changed; see `qsmbids.options`.

        Raises
        ------
        UsageError
            If there is no such field, or the value is none that it takes.
        """
        return with_options(self, options)

    def card(self) -> dict[str, Any]:
        """Return the recipe as plain values."""
        return asdict(self)
