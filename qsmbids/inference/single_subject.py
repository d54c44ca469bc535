"""Networks that know no other data than the one subject's field."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qsmbids.checks import check_field, check_geometry
from qsmbids.inference.fine_tuning import Tuned, fine_tune
from qsmbids.inference.fit_options import FitOptions
from qsmbids.inference.predict import Setup, check_size
from qsmbids.inference.single_subject_patches import PatchTraining, train_on_patches
from qsmbids.networks.inversion import CHI_SCALE, Apply, Inversion, plain
from qsmbids.networks.unet import UNet
from qsmbids.physics.torch_dipole import Dipole

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]
LOG = logging.getLogger(__name__)
NATIVE = {"frame": "native"}
"""Card of such a network: whatever the geometry is, it is trained on it."""


class PriorNet(Inversion):
    """A U-Net whose input is noise: the map is in its weights (deep image prior).

    Parameters
    ----------
    shape : (3,) sequence of int
        Grid of the map.
    channels : int
        Of the noise, uniform in 0 to 0.1, drawn once.
    **config
        As `UNet`, without ``inputs``.

    References
    ----------
    Ulyanov et al., CVPR 2018, "Deep image prior".
    """

    noise: Tensor

    def __init__(self, shape: Sequence[int], channels: int = 4, **config: Any):
        super().__init__(shape=tuple(shape), channels=channels, **config)
        self.unet = UNet(inputs=channels, **config)
        self.register_buffer("noise", 0.1 * torch.rand(1, channels, *shape), persistent=False)

    def forward(
        self,
        field: Tensor,
        mask: Tensor,
        dipole: Dipole,
        *,
        domain: int = 0,
        apply: Apply = plain,
    ) -> Tensor:
        """Return susceptibility; parameters as in `Inversion`, of which the mask alone counts."""
        return apply(self.unet, self.noise, domain) / CHI_SCALE * mask


class Subject:
    """One subject's volume, and a network with fresh weights for it.

    Parameters
    ----------
    make : callable
        Returns the network; its chance comes from the tuning's seed.
    field : (x, y, z) float32 array
        Local field in ppm.
    mask : (x, y, z) bool array
        Where it is valid.
    weight : (x, y, z) float32 array, optional
        Confidence; the largest value counts as 1.
    voxel_size, b0_dir : (3,) sequence of float
        Edge lengths in mm; B0 along the voxel axes.
    tuning : FitOptions
        How to fit the whole volume.
    device : {"auto", "cpu", "cuda", "cuda:N"}
        Where to compute.

    Raises
    ------
    ValueError
        If the field or an option cannot be used, or the mask is too small.
    """

    def __init__(
        self,
        make: Callable[[], Inversion],
        field: Float,
        mask: Mask,
        weight: Float | None,
        *,
        voxel_size: Sequence[float],
        b0_dir: Sequence[float],
        tuning: FitOptions,
        device: str = "cpu",
    ):
        check_field(field, mask, weight)
        check_geometry(voxel_size, b0_dir)
        check_size(mask)
        self.voxel_size, self.b0_dir, self.tuning = tuple(voxel_size), tuple(b0_dir), tuning
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(tuning.seed)
            model = make()
        self.setup = Setup(model, field, mask, voxel_size, b0_dir, NATIVE, device)
        confidence = mask.astype(np.float32) if weight is None else weight / weight[mask].max()
        self.weight = self.setup.bring(np.asarray(confidence, np.float32)) * self.setup.mask

    def train_on_patches(self, how: PatchTraining) -> None:
        """Train the network on patches of the volume, without the voxels that are held out."""
        train_on_patches(
            self.setup, self.weight, how,
            voxel_size=self.voxel_size, b0_dir=self.b0_dir, held_out=self.tuning.held_out,
        )  # fmt: skip

    def fit(self) -> Tuned:
        """Fit the network to the whole volume; return susceptibility and the fit's course."""
        tuned = fine_tune(self.setup, self.voxel_size, self.weight, self.tuning)
        LOG.info(
            "the fit kept iteration %d of %d; held-out error %.4g at first, %.4g at the end",
            tuned.best, len(tuned.loss) - 1, tuned.held_out[0], tuned.held_out[tuned.best],
        )  # fmt: skip
        if not np.isfinite(tuned.held_out[tuned.best]):
            raise ValueError("the fit diverged; use a smaller learning rate")
        return tuned
