"""From arrays to arrays: a network applied to one whole volume."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qsmbids.errors import InputError, QsmbidsWarning
from qsmbids.inference.resampling import Frame, tilt_degrees
from qsmbids.inference.tiles import bytes_needed, in_tiles
from qsmbids.networks.device import has_bfloat16, is_out_of_memory, pick_device
from qsmbids.networks.inversion import Apply, DirectNet, Inversion, plain
from qsmbids.networks.unet import DomainNorm, Network, UNet, prepare, unets
from qsmbids.physics.torch_dipole import CONSISTENCY, Dipole, data_consistency, demean

Float = NDArray[np.float32]
DOMAINS = ("source", "target")
"""Of batch normalization: that of samples with labels, and that of samples without."""
SMALLEST = 16
"""Voxels along an axis that give the coarsest level one; with fewer, zeros fill the rest."""
THINNEST = 4
"""Fewest voxels along an axis of the mask's bounding box: what is thinner is all surface."""
FALLBACK_GB = (0.5, 0.1)
"""What the U-Net may take, one after the other, once memory has run out."""
TOLERANCE = (5.0, 1.15)
"""Tilt in degrees and ratio of edges that every network takes as axial and cubic."""
FAMILIAR = 0.8
"""Share of the largest tilt of a training up to which its network is better as it is."""


def predict(  # noqa: PLR0913 - what whole-volume inference may be told
    model: Inversion,
    field: Float,
    mask: NDArray[np.bool_],
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float] = (0, 0, 1),
    card: Mapping[str, Any] | None = None,
    consistency: float = CONSISTENCY,
    memory_gb: float = 3.0,
    average: int = 1,
    device: str = "cpu",
    domain: str = "source",
) -> Float:
    """Return the network's susceptibility map.

    Parameters
    ----------
    model : Inversion
        From `qsmbids.networks.weights.load_weights`.
    field : (x, y, z) float32 array
        Local field in ppm.
    mask : (x, y, z) bool array
        Where it is valid.
    voxel_size, b0_dir : (3,) sequence of float
        Edge lengths in mm; B0 along the voxel axes.
    card : mapping, optional
        The weights' card. Thick slices and an oblique B0 are resampled to the network's frame
        for the U-Net, never for the physics, unless its ``frame`` is ``native``.
    consistency : float
        Of a closing data consistency on the native grid, for a network without its own, see
        `qsmbids.physics.torch_dipole.data_consistency`; 0 for none.
    memory_gb : float
        Above that the U-Net works in tiles; so it does where memory runs out, with a
        `qsmbids.errors.QsmbidsWarning`.
    average : {1, 2, 4, 8}
        Mean of the maps of so many mirror images of the field.
    device : {"auto", "cpu", "cuda", "cuda:N"}
        Where to compute.
    domain : {"source", "target"}
        As in `Setup`.

    Returns
    -------
    (x, y, z) float32 array
        Susceptibility in ppm with zero mean over the mask, zero outside of it.

    Raises
    ------
    InputError
        If memory runs out even in tiles.
    UsageError
        If there is no such device.
    ValueError
        If the mask's bounding box is shorter than 4 voxels along an axis, or ``average`` or
        ``domain`` is none of its values.
    """
    check_size(mask)
    flips = mirrors(average)
    setup = Setup(model, field, mask, voxel_size, b0_dir, card, device, domain)
    with torch.inference_mode():
        chi = torch.stack([_run_in_memory(setup, memory_gb, axes) for axes in flips]).mean(0)
        if consistency and isinstance(model, DirectNet):
            chi = data_consistency(chi, setup.field, setup.mask, setup.dipole, consistency)
    result: Float = chi[0, 0].cpu().numpy()
    return result


def mirrors(average: int) -> list[tuple[int, ...]]:
    """Return the axes along which each of ``average`` mirror images of a volume is flipped.

    A field and its susceptibility may be mirrored along any axis, B0 with them, and B0 and its
    opposite are the same.

    Raises
    ------
    ValueError
        If it is none of 1, 2, 4, 8.
    """
    if average not in (1, 2, 4, 8):
        raise ValueError(f"the average must be over 1, 2, 4 or 8 mirror images, not {average}")
    axes = (-3, -2, -1)[: average.bit_length() - 1]
    return [c for n in range(len(axes) + 1) for c in itertools.combinations(axes, n)]


def _run_in_memory(setup: Setup, memory_gb: float, flip: tuple[int, ...]) -> Tensor:
    """Run the network, in ever smaller tiles while memory runs out."""
    for limit in (memory_gb, *FALLBACK_GB):
        try:
            return setup.run(limit, flip)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if limit == memory_gb:
                text = "Memory ran out: the network went on in small tiles."
                warnings.warn(text, QsmbidsWarning, stacklevel=3)
    raise InputError(
        "Memory ran out, even for the network in small tiles; stop other programs or use a "
        "computer with more memory."
    )


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


class Setup:
    """Tensors and geometry of one volume, for inference and for fine-tuning.

    Parameters
    ----------
    model, field, mask, voxel_size, b0_dir, card, device
        As in `predict`; the model moves to the device.
    domain : {"source", "target"}
        Whose batch statistics a network with two domains uses: those of the samples with labels
        or of those without. Others have but one.

    Raises
    ------
    ValueError
        If there is no such domain.

    Attributes
    ----------
    device : torch.device
        Where all of this is.
    field, mask : (1, 1, x, y, z) float32 tensor
        Field in ppm, zero outside the mask.
    dipole : Dipole
        On the native grid.
    frame : Frame or None
        The network's, where it differs from the native one.
    shape : (3,) tuple of int
        The grid that the U-Nets see.
    """

    def __init__(
        self,
        model: Network,
        field: Float,
        mask: NDArray[np.bool_],
        voxel_size: Sequence[float],
        b0_dir: Sequence[float] = (0, 0, 1),
        card: Mapping[str, Any] | None = None,
        device: str = "cpu",
        domain: str = "source",
    ):
        if domain not in DOMAINS:
            raise ValueError(f"the domain must be 'source' or 'target', not {domain!r}")
        self.device = pick_device(device)
        self.model = model.to(self.device)
        prepare(model, has_bfloat16(self.device))
        self.mask = self.bring(mask.astype(np.float32))
        self.field = self.bring(np.asarray(field, np.float32)) * self.mask
        self.dipole = Dipole.on(mask.shape, voxel_size, b0_dir).to(self.device)
        self.domain = min(DOMAINS.index(domain), _domains(model) - 1)
        self.frame = choose_frame(mask.shape, voxel_size, b0_dir, card)
        self.shape = mask.shape if self.frame is None else self.frame.shape

    def bring(self, image: Float) -> Tensor:
        """Return an (x, y, z) array as a (1, 1, x, y, z) tensor on the device."""
        return torch.from_numpy(image)[None, None].to(self.device)

    def apply(self, memory_gb: float = math.inf) -> Apply:
        """Return how to apply the U-Nets: in the frame, in tiles where memory asks for it."""
        unet = next(unets(self.model))
        fitting = memory_gb * 1e9 / bytes_needed(1, unet)
        inner = plain if math.prod(self.shape) <= fitting else in_tiles(fitting)
        return inner if self.frame is None else self.frame.apply(inner)

    def run(self, memory_gb: float = math.inf, flip: tuple[int, ...] = ()) -> Tensor:
        """Return the network's (1, 1, x, y, z) map, of zero mean over the mask.

        Parameters
        ----------
        memory_gb : float
            As in `predict`.
        flip : tuple of int
            Axes along which the U-Nets' images are mirrored.
        """
        apply = mirrored(self.apply(memory_gb), flip) if flip else self.apply(memory_gb)
        chi = self.model(self.field, self.mask, self.dipole, domain=self.domain, apply=apply)
        return demean(chi, self.mask)


def mirrored(inner: Apply, axes: tuple[int, ...]) -> Apply:
    """Return how to apply a U-Net to the mirror image, as a network's ``apply``."""

    def applied(unet: UNet, x: Tensor, domain: int) -> Tensor:
        return inner(unet, x.flip(axes), domain).flip(axes)

    return applied


def choose_frame(
    shape: Sequence[int],
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
    card: Mapping[str, Any] | None = None,
) -> Frame | None:
    """Return the frame that a network needs for a geometry; None if it takes it as it is.

    For thick slices networks that were trained on them do better in the frame, too; for a tilt
    they do so only near the largest that they have met. A card whose ``frame`` is ``native``
    keeps off it: the network was trained on this very grid.
    """
    tilt, stretch = TOLERANCE
    trained = ((card or {}).get("recipe") or {}).get("degradation") or {}
    met = trained.get("tilt", 0.0) if trained.get("axial", 1.0) < 1 else 0.0
    oblique = tilt_degrees(b0_dir) > max(tilt, FAMILIAR * met)
    regular = not oblique and max(voxel_size) / min(voxel_size) <= stretch
    if regular or (card or {}).get("frame") == "native":
        return None
    return Frame(shape, voxel_size, b0_dir, rotate=oblique)


def _domains(model: Network) -> int:
    """Return how many domains the network's batch normalization knows; 1 without any."""
    return max((len(m.norms) for m in model.modules() if isinstance(m, DomainNorm)), default=1)
