"""From arrays to arrays: a network applied to one whole volume."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qsmbids.nets.dipole import Dipole, demean
from qsmbids.nets.frames import Frame, tilt_degrees
from qsmbids.nets.inversion import Apply, DirectNet, Inversion, plain
from qsmbids.nets.tiles import bytes_needed, in_tiles
from qsmbids.nets.unet import DomainNorm, prepare, unets

Float = NDArray[np.float32]
SMALLEST = 16
"""Fewest voxels along an axis of the mask's bounding box: the coarsest level needs one."""
TOLERANCE = (5.0, 1.15)
"""Tilt in degrees and ratio of edges that every network takes as axial and cubic."""


def predict(
    model: Inversion,
    field: Float,
    mask: NDArray[np.bool_],
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float] = (0, 0, 1),
    card: Mapping[str, Any] | None = None,
    consistency: float = 0.0,
    memory_gb: float = 3.0,
) -> Float:
    """Return the network's susceptibility map.

    Parameters
    ----------
    model : Inversion
        From `qsmbids.nets.weights.load_weights`.
    field : (x, y, z) float32 array
        Local field in ppm.
    mask : (x, y, z) bool array
        Where it is valid.
    voxel_size, b0_dir : (3,) sequence of float
        Edge lengths in mm; B0 along the voxel axes.
    card : mapping, optional
        The weights' card, which says what geometries the network has seen; those beyond are
        resampled to the network's frame for the U-Net, never for the physics.
    consistency : float
        The mu of a closing data consistency on the native grid, for a network without its own;
        0 for none.
    memory_gb : float
        Above that the U-Net works in tiles.

    Returns
    -------
    (x, y, z) float32 array
        Susceptibility in ppm with zero mean over the mask, zero outside of it.

    Raises
    ------
    ValueError
        If the mask's bounding box is shorter than 16 voxels along an axis.
    """
    check_size(mask)
    setup = Setup(model, field, mask, voxel_size, b0_dir, card)
    with torch.inference_mode():
        try:
            chi = setup.run(memory_gb)
        except (MemoryError, RuntimeError) as error:
            if "memory" not in str(error).lower() and not isinstance(error, MemoryError):
                raise
            warnings.warn("memory ran out: the network goes on in small tiles", stacklevel=2)
            chi = setup.run(0.5)
        if consistency and isinstance(model, DirectNet):
            residual = (setup.field - setup.dipole(chi)) * setup.mask
            chi = demean(chi + setup.dipole.solve(residual, consistency), setup.mask)
    result: Float = chi[0, 0].numpy()
    return result


def check_size(mask: NDArray[np.bool_]) -> None:
    """Raise ``ValueError`` if the mask is too small for a network."""
    extent = [int(np.ptp(np.flatnonzero(mask.any(axis=a)))) + 1 for a in ((1, 2), (0, 2), (0, 1))]
    if min(extent) < SMALLEST:
        raise ValueError(
            f"the mask spans only {' x '.join(map(str, extent))} voxels; a network needs at least "
            f"{SMALLEST} along each axis"
        )


class Setup:
    """Tensors and geometry of one volume, for inference and for fine-tuning.

    Parameters
    ----------
    model, field, mask, voxel_size, b0_dir, card
        As in `predict`.

    Attributes
    ----------
    field, mask : (1, 1, x, y, z) float32 tensor
        Field in ppm, zero outside the mask.
    dipole : Dipole
        On the native grid.
    frame : Frame or None
        The network's, where it differs from the native one.
    """

    def __init__(
        self,
        model: Inversion,
        field: Float,
        mask: NDArray[np.bool_],
        voxel_size: Sequence[float],
        b0_dir: Sequence[float] = (0, 0, 1),
        card: Mapping[str, Any] | None = None,
    ):
        self.model = model
        prepare(model, has_bfloat16())
        self.mask = torch.from_numpy(mask.astype(np.float32))[None, None]
        self.field = torch.from_numpy(np.asarray(field, np.float32))[None, None] * self.mask
        self.dipole = Dipole.on(mask.shape, voxel_size, b0_dir)
        self.domain = _domains(model) - 1  # the last is the target's
        self.frame = choose_frame(mask.shape, voxel_size, b0_dir, card)

    def apply(self, memory_gb: float = math.inf) -> Apply:
        """Return how to apply the U-Nets: in the frame, in tiles where memory asks for it."""
        shape = self.field.shape[2:] if self.frame is None else self.frame.shape
        unet = next(unets(self.model))
        base = unet.last.in_channels
        needed = bytes_needed(shape, base, unet.use_bfloat16)
        inner: Apply = plain
        if needed > memory_gb * 1e9:
            tile = (needed / math.prod(shape) / 1e9 / memory_gb) ** (-1 / 3)
            inner = in_tiles(max(int(tile) - 64, 32) // 16 * 16)
        return inner if self.frame is None else self.frame.apply(inner)

    def run(self, memory_gb: float = math.inf) -> Tensor:
        """Return the network's (1, 1, x, y, z) map, of zero mean over the mask."""
        chi = self.model(
            self.field, self.mask, self.dipole, domain=self.domain, apply=self.apply(memory_gb)
        )
        return demean(chi, self.mask)


def choose_frame(
    shape: Sequence[int],
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
    card: Mapping[str, Any] | None = None,
) -> Frame | None:
    """Return the frame that a network needs for a geometry; None if it takes it as it is."""
    tilt, stretch = TOLERANCE
    seen = (card or {}).get("recipe", {}).get("degradation", {})
    if seen.get("axial", 1) < 1:
        tilt, stretch = max(tilt, seen["tilt"]), max(stretch, seen["stretch"])
    oblique = tilt_degrees(b0_dir) > tilt
    if not oblique and max(voxel_size) / min(voxel_size) <= stretch:
        return None
    return Frame(shape, voxel_size, b0_dir, rotate=oblique)


def has_bfloat16() -> bool:
    """Whether this processor computes in bfloat16 faster than in single precision."""
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported and supported())


def _domains(model: Inversion) -> int:
    """Return how many domains the network's batch normalization knows; 1 without any."""
    return max((len(m.norms) for m in model.modules() if isinstance(m, DomainNorm)), default=1)
