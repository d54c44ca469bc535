"""What training and fine-tuning minimise: scalars, or one number a sample where so said."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from qsmbids.networks.base import Network
from qsmbids.networks.brainmask_net import LIMIT
from qsmbids.networks.direct import FIELD_SCALE
from qsmbids.physics.torch_dipole import Dipole, demean, mean_over


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the (batch,) mean of ``values`` over ``mask``, both (batch, 1, x, y, z)."""
    return mean_over(values, mask).flatten()


def phase_error(chi: Tensor, field: Tensor, dipole: Dipole) -> Tensor:
    r"""Return :math:`|e^{i D\chi} - e^{i f}|^2` a voxel, at 100 radians a ppm.

    By the half-angle identity it is :math:`4 \sin^2((D\chi - f) / 2)`.
    """
    return 4 * torch.sin(FIELD_SCALE / 2 * (dipole(chi) - field)) ** 2


def data_term(
    chi: Tensor, field: Tensor, weight: Tensor, dipole: Dipole, mask: Tensor | None = None
) -> Tensor:
    r"""Return the nonlinear data term: the mean of :math:`|W (e^{i D\chi} - e^{i f})|^2`.

    Parameters
    ----------
    chi, field, weight : (batch, 1, x, y, z) tensor
        Susceptibility and field in ppm; W, 0 to 1 and zero outside the mask.
    dipole : Dipole
        The kernels of the batch.
    mask : (batch, 1, x, y, z) tensor, optional
        Over which voxels to take the mean; by default where the weight is not zero.

    References
    ----------
    Liu and Koch, MLMIR 2020, eq. 2; Polak et al., NMR Biomed 33:e4271 (2020).
    """
    mask = (weight > 0).to(weight.dtype) if mask is None else mask
    return masked_mean(weight**2 * phase_error(chi, field, dipole), mask).mean()


def total_variation(chi: Tensor, mask: Tensor, voxel_size: Sequence[float] = (1, 1, 1)) -> Tensor:
    """Return the sum over the axes of the mean absolute forward difference, in network units.

    Only differences between two voxels of the mask count: the mask's rim is no edge of the
    susceptibility. They are taken per geometric-mean edge length.
    """
    edge = math.prod(voxel_size) ** (1 / 3)
    total = chi.new_zeros(())
    for axis, length in zip((-3, -2, -1), voxel_size, strict=True):
        n = chi.shape[axis] - 1
        both = mask.narrow(axis, 1, n) * mask.narrow(axis, 0, n)
        step = chi.narrow(axis, 1, n) - chi.narrow(axis, 0, n)
        total = total + masked_mean(step.abs(), both).mean() * (edge / float(length))
    return total * (FIELD_SCALE / 3)


def l1(prediction: Tensor, label: Tensor, mask: Tensor) -> Tensor:
    """Return each sample's mean absolute error over its label's mean absolute value."""
    scale = masked_mean(label.abs(), mask).clamp(min=1e-6)
    return (masked_mean((prediction - label).abs(), mask) / scale).mean()


def l2(prediction: Tensor, label: Tensor, mask: Tensor) -> Tensor:
    """Return each sample's mean squared error over its label's variance.

    References
    ----------
    Jochmann et al., "How to train a deep convolutional neural network for QSM".
    """
    scale = masked_mean(demean(label, mask) ** 2, mask).clamp(min=1e-10)
    return (masked_mean((prediction - label) ** 2, mask) / scale).mean()


def root_l2(prediction: Tensor, label: Tensor, mask: Tensor) -> Tensor:
    """Return the square root of `l2` a sample: what an NRMSE measures."""
    scale = masked_mean(demean(label, mask) ** 2, mask).clamp(min=1e-10)
    return (masked_mean((prediction - label) ** 2, mask) / scale + 1e-6).sqrt().mean()


LABEL_LOSSES = {"l1": l1, "l2": l2, "root-l2": root_l2}


def perturbation_consistency(
    chi: Tensor, perturbed: Tensor, source: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the L1 errors inside and outside of an added source, in network units.

    Inside the source, the two maps must differ by it; outside, not at all.

    Parameters
    ----------
    chi, perturbed : (batch, 1, x, y, z) tensor
        Maps of a field, and of that field plus the source's, in ppm.
    source : (batch, 1, x, y, z) tensor
        The added susceptibility in ppm, zero outside of it.
    mask : (batch, 1, x, y, z) tensor
        1 where the field is valid.

    References
    ----------
    Liu, "Improved model-based learning with data augmentation for QSM", MIDL 2022, eqs. 4, 5.
    """
    error = (perturbed - chi - source).abs() * (FIELD_SCALE / 3)
    inside = (source != 0).to(mask.dtype) * mask
    return masked_mean(error, inside).mean(), masked_mean(error, mask - inside).mean()


def consistency_loss(
    model: Network,
    chi: Tensor,
    field: Tensor,
    mask: Tensor,
    dipole: Dipole,
    *,
    source: tuple[Tensor, Tensor],
) -> Tensor:
    """Return the sum of both errors of `perturbation_consistency` for a network.

    Parameters
    ----------
    model : Network
        The network, applied once more.
    chi, field, mask, dipole
        Its map in ppm, and what it was made from.
    source : (2,) tuple of (batch, 1, x, y, z) tensor
        The added susceptibility and its field in ppm.
    """
    added, its_field = source
    perturbed = model((field + its_field) * mask, mask, dipole)
    inside, outside = perturbation_consistency(chi, perturbed, added * mask, mask)
    return inside + outside


def consistency_weight(progress: float, highest: float, last: float) -> float:
    """Return uQSM+'s weight: up over 6 of 15 epochs, down over the next 6, then ``last``."""
    if progress < 0.4:
        return highest * progress / 0.4
    if progress < 0.8:
        return max(highest * (0.8 - progress) / 0.4, last)
    return last


def distance_loss(found: Tensor, wanted: Tensor, view: Tensor, edge: float = 2.0) -> Tensor:
    """Return the error of the distance to the brain's surface, plus one minus its soft Dice.

    Parameters
    ----------
    found, wanted : (batch, 1, x, y, z) tensor
        Distance in mm; the second within `LIMIT`.
    view : (batch, 1, x, y, z) tensor
        1 in the field of view, else 0.
    edge : float
        Over how many mm the brain's border is soft.
    """
    error = torch.nn.functional.smooth_l1_loss(
        found.clamp(-1.5 * LIMIT, 1.5 * LIMIT) / LIMIT, wanted / LIMIT, reduction="none", beta=0.2
    )
    near = 1 + 3 * torch.exp(-((wanted / 4) ** 2))
    inside, brain = torch.sigmoid(-found / edge), torch.sigmoid(-wanted / edge)
    return (masked_mean(error * near, view) + 1 - dice(inside, brain, view)).mean()


def dice(first: Tensor, second: Tensor, view: Tensor) -> Tensor:
    """Return the (batch,) Dice coefficient of two masks in the field of view."""
    both = (first * second * view).flatten(1).sum(1)
    sizes = ((first**2 + second**2) * view).flatten(1).sum(1)
    return (2 * both + 1e-3) / (sizes + 1e-3)
