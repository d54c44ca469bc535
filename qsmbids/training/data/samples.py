"""Samples of local fields: a source drawn at random, varied and corrupted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qsmbids.errors import InputError
from qsmbids.training.data.augmentation import reorient
from qsmbids.training.data.batches import pick
from qsmbids.training.data.corruption import Corruption, corrupt
from qsmbids.training.data.deformed_maps import Maps, Variation
from qsmbids.training.data.geometry import random_dipole
from qsmbids.training.data.grain import Grain, add_grain
from qsmbids.training.data.measured_fields import Fields
from qsmbids.training.data.random_fields import SmoothNoise
from qsmbids.training.data.shapes import RandomShapes, Shapes
from qsmbids.training.data.simulated_heads import Heads
from qsmbids.training.data.sources import Data

Labelled = Callable[
    [np.random.Generator, SmoothNoise], tuple[NDArray[np.float32], NDArray[np.bool_]]
]
"""A source with labels: it gives susceptibility in ppm and mask."""


@dataclass(frozen=True)
class Domain:
    """The kind of fields that a network learns from.

    Parameters
    ----------
    sources : mapping of str to float
        Some of `qsmbids.training.data.SOURCES` with their shares.
    corruption : Corruption
        How far simulated fields depart from the dipole equation.
    shapes, variation, grain
        Which shapes, how far a patch departs from its map, how much grain.
    augmentation : tuple of str
        See `qsmbids.training.data.augmentation`.
    rim : int
        Voxels along the cut faces of a measured field's patch that its data term leaves out.
    """

    sources: Mapping[str, float] = field(default_factory=lambda: {"shapes": 0.6, "heads": 0.4})
    corruption: Corruption = field(default_factory=Corruption)
    shapes: Shapes = field(default_factory=Shapes)
    variation: Variation = field(default_factory=Variation)
    grain: Grain = field(default_factory=Grain)
    augmentation: tuple[str, ...] = ()
    rim: int = 8

    def alone(self, sources: Mapping[str, float], **changes: Any) -> Domain:
        """Return the domain alone, of a recipe too, with other sources and further changes."""
        own = {one.name: getattr(self, one.name) for one in fields(Domain)}
        return Domain(**own | {"sources": sources, **changes})


class FieldSamples:
    """Draws samples of a domain.

    Parameters
    ----------
    domain : Domain
        What to draw.
    data : Data
        The folders that its sources need.
    largest : int
        Edge of the largest patch in voxels.
    held_out : bool
        Draw what training never sees: another head, other subjects, nothing augmented.

    Raises
    ------
    InputError
        If a folder is missing, or what it holds cannot be used.
    """

    def __init__(self, domain: Domain, data: Data, largest: int, held_out: bool = False):
        self.domain = domain
        self.augmentation = () if held_out else domain.augmentation
        self.labelled: dict[str, Labelled] = {}
        if "shapes" in domain.sources:
            self.labelled["shapes"] = RandomShapes(domain.shapes)
        if "heads" in domain.sources:
            if data.heads is None:
                raise InputError("The recipe learns from simulated heads; give their folder.")
            self.labelled["heads"] = Heads(data.heads, held_out)
        if "maps" in domain.sources:
            names = data.names("maps", largest, held_out)
            self.labelled["maps"] = Maps(data.store, names, domain.variation)
        if "fields" in domain.sources:
            names = data.names("fields", largest, held_out)
            self.fields = Fields(data.store, names, domain.rim, self.augmentation)

    def __call__(self, rng: np.random.Generator, size: int) -> dict[str, Any]:
        """Return a sample of edge ``size``: arrays, and its ``dipole`` and ``voxel_size``.

        ``field``, ``mask``, ``weight`` and, unless the field was measured, ``chi``, as
        `qsmbids.training.data.corruption.corrupt` gives them. The voxel size of simulated
        samples is 1 throughout, whatever their dipole's is.
        """
        noise = SmoothNoise(rng, (size,) * 3)
        source = pick(rng, self.domain.sources)
        if source == "fields":
            return self.fields(rng, size)
        chi, mask = self.labelled[source](rng, noise)
        if self.domain.grain.share and source != "maps":  # a map has its own
            is_head = source == "heads"
            chi = add_grain(rng, chi, mask, noise=noise, how=self.domain.grain, is_head=is_head)
        if self.augmentation:
            # the field is simulated after it, so that B0 may have any direction
            (chi, mask), _, _ = reorient(rng, (chi, mask), (1, 1, 1), (0, 0, 1), self.augmentation)
        how = self.domain.corruption
        dipole = random_dipole(
            rng, noise.shape, axial=how.axial, stretch=how.stretch, tilt=how.tilt
        )
        sample: dict[str, Any] = corrupt(rng, chi, mask, dipole=dipole, noise=noise, how=how)
        return {**sample, "dipole": dipole, "voxel_size": (1.0, 1.0, 1.0)}
