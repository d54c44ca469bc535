"""Patches of measured local fields, which have no label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qsmbids.inference.patches import random_window, without_rim
from qsmbids.physics import DipoleConvolution
from qsmbids.training.data.augmentation import reorient
from qsmbids.training.data.geometry import MARGIN
from qsmbids.training.data.subjects import Subjects


@dataclass(frozen=True)
class Fields:
    """Random patches of the fields of a store, each with its own voxel size and B0 direction.

    A patch of a whole brain's field is not closed: sources beyond its faces contribute. The
    weight of the data term is therefore zero in a rim along the faces that cut through the
    volume; susceptibility in the rim is free to stand for what lies beyond.

    Parameters
    ----------
    subjects : Subjects
        The store.
    names : sequence of str
        Which of its subjects.
    rim : int
        Voxels that the data term leaves out.
    augmentation : sequence of str
        See `qsmbids.training.data.augmentation.reorient`.
    """

    subjects: Subjects
    names: Sequence[str]
    rim: int
    augmentation: Sequence[str] = ()

    def __call__(self, rng: np.random.Generator, size: int) -> dict[str, Any]:
        """Return ``field``, ``mask``, ``weight``, ``dipole`` and ``voxel_size`` of a cubic patch.

        At least half of the patch is inside the mask where that can be. An axis of the volume
        that is shorter than the patch is followed by zeros.
        """
        subject = self.subjects.load(self.names[int(rng.integers(len(self.names)))])
        volume = subject.mask.shape
        window = random_window(rng, subject.mask, [min(n, size) for n in volume])
        weight = without_rim(subject.weight[window], window, volume, self.rim)
        padding = [(0, size - (w.stop - w.start)) for w in window]
        images = [
            np.pad(image, padding)
            for image in (subject.field[window], subject.mask[window].astype(np.float32), weight)
        ]
        images, voxel_size, b0_dir = reorient(
            rng, images, subject.voxel_size, subject.b0_dir, self.augmentation
        )
        sample: dict[str, Any] = dict(zip(("field", "mask", "weight"), images, strict=True))
        dipole = DipoleConvolution((size,) * 3, voxel_size, b0_dir, MARGIN)
        return {**sample, "dipole": dipole, "voxel_size": voxel_size}
