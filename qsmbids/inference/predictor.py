"""A network and the one volume that it is applied to."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qsmbids.errors import QsmbidsWarning
from qsmbids.inference.resampling import choose_resampling
from qsmbids.inference.tiles import bytes_needed, in_tiles
from qsmbids.networks.base import Apply, Network, apply_whole, prepare, unets
from qsmbids.networks.device import has_bfloat16, pick_device
from qsmbids.networks.unet import DomainNorm, UNet
from qsmbids.physics import Problem
from qsmbids.physics.torch_dipole import Dipole, data_consistency, demean

DOMAINS = ("source", "target")
"""Of batch normalization: that of samples with labels, and that of samples without."""
SMALLEST = 16
"""Voxels along an axis that give the coarsest level one; with fewer, zeros fill the rest."""
THINNEST = 4
"""Fewest voxels along an axis of the mask's bounding box: what is thinner is all surface."""


class Predictor:
    """A network with the tensors and the geometry of one volume.

    Parameters
    ----------
    model : Network
        From `qsmbids.networks.weights.load_weights`; it moves to the device.
    problem : Problem
        Field, mask and geometry, and where to compute; the weight is for `weight`.
    card : mapping, optional
        The weights' card. With thick slices or an oblique B0 the U-Net, never the physics, works
        on a grid of its own, see `qsmbids.inference.resampling.choose_resampling`.
    domain : {"source", "target"}
        Whose batch statistics a network with two domains uses: those of the samples with labels
        or of those without. Others have but one.

    Raises
    ------
    UsageError
        If there is no such device.
    ValueError
        If there is no such domain, or the mask's bounding box is shorter than 4 voxels along an
        axis.

    Attributes
    ----------
    field, mask : (1, 1, x, y, z) float32 tensor
        Field in ppm, zero outside the mask.
    dipole : Dipole
        On the native grid.
    shape : (3,) tuple of int
        The grid that the U-Nets see.
    """

    def __init__(
        self,
        model: Network,
        problem: Problem,
        card: Mapping[str, Any] | None = None,
        domain: str = "source",
    ):
        if domain not in DOMAINS:
            raise ValueError(f"the domain must be 'source' or 'target', not {domain!r}")
        shape = problem.mask.shape
        check_size(problem.mask)
        self.problem, self.device = problem, pick_device(problem.device)
        self.model = model.to(self.device)
        prepare(model, has_bfloat16(self.device))
        self.mask = self.to_tensor(problem.mask)
        self.field = self.to_tensor(problem.field) * self.mask
        self.dipole = Dipole.on(shape, **problem.geometry).to(self.device)
        self.domain = min(DOMAINS.index(domain), _domains(model) - 1)
        self.resampling = choose_resampling(shape, **problem.geometry, card=card)
        self.shape = shape if self.resampling is None else self.resampling.shape

    def to_tensor(self, image: NDArray[Any]) -> Tensor:
        """Return an (x, y, z) array as a (1, 1, x, y, z) float32 tensor on the device."""
        return torch.from_numpy(np.asarray(image, np.float32))[None, None].to(self.device)

    def weight(self) -> Tensor:
        """Return the (1, 1, x, y, z) W of a data term: 1 at the largest weight in the mask."""
        if self.problem.weight is None:
            return self.mask
        confidence = self.to_tensor(self.problem.weight) * self.mask
        return confidence / confidence.max()

    def apply(self, memory_gb: float = math.inf, flip: tuple[int, ...] = ()) -> Apply:
        """Return how to apply the U-Nets.

        Parameters
        ----------
        memory_gb : float
            Above that they work in tiles.
        flip : tuple of int
            Axes along which their images are mirrored.
        """
        fitting = memory_gb * 1e9 / bytes_needed(1, next(unets(self.model)))
        apply = apply_whole if math.prod(self.shape) <= fitting else in_tiles(fitting)
        apply = apply if self.resampling is None else self.resampling.apply(apply)
        return mirrored(apply, flip) if flip else apply

    def run(self, field: Tensor, apply: Apply) -> Tensor:
        """Return the network's (1, 1, x, y, z) map of a field of the volume, as it comes."""
        chi: Tensor = self.model(field, self.mask, self.dipole, domain=self.domain, apply=apply)
        return chi

    def __call__(self, memory_gb: float = math.inf, flip: tuple[int, ...] = ()) -> Tensor:
        """Return the volume's (1, 1, x, y, z) map, of zero mean over the mask; see `apply`."""
        return demean(self.run(self.field, self.apply(memory_gb, flip)), self.mask)

    def with_consistency(self, chi: Tensor, consistency: float) -> Tensor:
        """Return a map (1, 1, x, y, z) in agreement with the field, if the network's is not yet.

        Parameters
        ----------
        chi : (1, 1, x, y, z) tensor
            In ppm.
        consistency : float
            Of `qsmbids.physics.torch_dipole.data_consistency`; 0 for none.
        """
        if not consistency or self.model.has_data_consistency:
            return chi
        return data_consistency(chi, self.field, self.mask, self.dipole, consistency)


def mirrored(inner: Apply, axes: tuple[int, ...]) -> Apply:
    """Return how to apply a U-Net to the mirror image, as a network's ``apply``."""

    def applied(unet: UNet, x: Tensor, domain: int) -> Tensor:
        return inner(unet, x.flip(axes), domain).flip(axes)

    return applied


def check_size(mask: NDArray[np.bool_]) -> None:
    """Raise ``ValueError`` if the mask is too thin for a network, and warn where it is doubtful.

    A thin mask's own surface is close to every voxel of it, which no network has met; zeros are
    put behind it up to the coarsest level's needs.
    """
    extent = [int(np.ptp(np.flatnonzero(mask.any(axis=a)))) + 1 for a in ((1, 2), (0, 2), (0, 1))]
    size = " x ".join(map(str, extent))
    if min(extent) < THINNEST:
        raise ValueError(
            f"the mask spans only {size} voxels; a network needs at least {THINNEST} along each "
            "axis; use --method tv, or a larger mask"
        )
    if min(extent) < SMALLEST:
        text = (
            f"The mask spans only {size} voxels, fewer than the {SMALLEST} along each axis that "
            "networks are trained with: the map is doubtful near the slab's ends; compare it with "
            "that of --method tv."
        )
        warnings.warn(text, QsmbidsWarning, stacklevel=3)


def _domains(model: Network) -> int:
    """Return how many domains the network's batch normalization knows; 1 without any."""
    return max((len(m.norms) for m in model.modules() if isinstance(m, DomainNorm)), default=1)
