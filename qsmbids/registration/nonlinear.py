"""Nonlinear registration of a head to a template that is an image of tissue classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from qsmbids.registration.itk import affine_of, at_spacing, demand_simpleitk, to_array, to_image
from qsmbids.registration.warp import Warp, pull

Classes = NDArray[np.uint8]

STIFFNESS = 3.0
"""Standard deviation in mm of the Gaussian that smooths the displacement after each step."""
UPDATE = 0.7
"""The same of each step, in voxels."""
TRUST = (0.5, 1.5)
"""How far a class's value may lie from the typical one, relative to this."""


@dataclass(frozen=True, eq=False)
class Channel:
    """An image of the head, and how it is compared.

    Attributes
    ----------
    image : (x, y, z) array_like
        In a unit that is the same throughout the head; zero where nothing is known.
    levels : sequence of (float, int, int)
        Spacing in mm, steps of a round, and rounds, the coarsest first.
    typical : mapping of int to float
        Values of small classes relative to the class ``base``, from which those measured may
        not be far: before it has been found, a small nucleus seems to be what surrounds it.
    base : int
        A large class.
    """

    image: ArrayLike
    levels: Sequence[tuple[float, int, int]]
    typical: Mapping[int, float] = field(default_factory=dict)
    base: int = 1


def register_classes(
    channels: Sequence[Channel],
    classes: Classes,
    *,
    affine: ArrayLike,
    classes_affine: ArrayLike,
    start: NDArray[np.float64],
    threads: int = 1,
) -> Warp:
    """Return the warp from a head to a template whose tissue classes are known.

    Each class is taken to have one value in the head's image, its median there, whatever the
    contrast or the iron of the participant: the template is painted with these values, brought
    nearer by symmetric demons, and painted anew.

    Parameters
    ----------
    channels : sequence of Channel
        Images of the head on one grid; each goes on from the warp that those before have found.
    classes : (x, y, z) uint8 array
        The template's tissue classes, 0 outside the brain.
    affine, classes_affine : (4, 4) array_like
        Voxel to world in mm of the channels and of the classes.
    start : (4, 4) float64 array
        From the head's world to the template's, as `register_affine` finds it.
    threads : int
        They do not change the result.

    References
    ----------
    Vercauteren et al., NeuroImage 45:S61 (2009), for the demons; values of classes from the
    image itself as in Ashburner and Friston, NeuroImage 26:839 (2005).
    """
    sitk = demand_simpleitk("Regions of an atlas are registered")
    registration = _Registration(sitk, classes, classes_affine, start, threads)
    for channel in channels:
        whole = to_image(sitk, channel.image, affine)
        for spacing, steps, rounds in channel.levels:
            image = at_spacing(sitk, whole, spacing)
            for _ in range(rounds):
                registration.step(image, channel, spacing, steps)
    return Warp.from_itk(sitk, start, registration.field)


class _Registration:
    """The displacement found so far, and the next round of it."""

    def __init__(
        self, sitk: Any, classes: Classes, affine: ArrayLike, start: NDArray[np.float64], n: int
    ):
        self._sitk, self._start, self._threads = sitk, start, n
        self._classes, self._affine = classes, np.asarray(affine, dtype=float)
        self.field: Any = None

    def step(self, image: Any, channel: Channel, spacing: float, steps: int) -> None:
        """Improve the displacement by one image at one spacing."""
        sitk = self._sitk
        grid, shape = affine_of(image), image.GetSize()
        to: dict[str, Any] = {"affine": self._affine, "onto": grid, "shape": shape, "order": 0}
        none = Warp(self._start, np.zeros((*shape, 3), np.float32), grid)
        still = pull(self._classes, [none], **to)
        found = still if self.field is None else pull(self._classes, [self._warp()], **to)
        values = _values(to_array(sitk, image), found, channel, first=self.field is None)
        painted = to_image(sitk, values[still], grid)
        method = sitk.FastSymmetricForcesDemonsRegistrationFilter()
        method.SetNumberOfThreads(self._threads)
        method.SetNumberOfIterations(steps)
        method.SetStandardDeviations(STIFFNESS / spacing)
        method.SetSmoothUpdateField(True)
        method.SetUpdateFieldStandardDeviations(UPDATE)
        soft = [sitk.SmoothingRecursiveGaussian(one, spacing / 2) for one in (image, painted)]
        if self.field is None:
            self.field = method.Execute(*soft)
            return
        same = (sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkVectorFloat64)
        self.field = method.Execute(*soft, sitk.Resample(self.field, image, *same))

    def _warp(self) -> Warp:
        return Warp.from_itk(self._sitk, self._start, self.field)


def _values(
    image: NDArray[np.float32], classes: Classes, channel: Channel, *, first: bool
) -> NDArray[np.float32]:
    """Return the value of each class in an image, by its number; 0 outside the brain."""
    numbers = np.arange(int(classes.max(initial=0)) + 1)
    known = np.where(image != 0, classes, 0)
    values = np.nan_to_num(np.asarray(ndimage.median(image, known, numbers), dtype=np.float64))
    base = values[channel.base]
    for number, typical in channel.typical.items():
        if number < len(values):
            low, high = sorted(share * typical for share in TRUST)
            own = typical if first else np.clip(values[number] - base, low, high)
            values[number] = base + own
    values[0] = 0
    return np.asarray(values, dtype=np.float32)
