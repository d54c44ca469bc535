"""Stacking samples into batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from qsmbids.physics.torch_dipole import Dipole

Batch = dict[str, torch.Tensor]


def pick(rng: np.random.Generator, shares: Mapping[Any, float]) -> Any:
    """Return one of the keys at random, each with its share."""
    names, weights = zip(*shares.items(), strict=True)
    return names[rng.choice(len(names), p=np.array(weights) / sum(weights))]


def collate(samples: list[dict[str, Any]]) -> Batch:
    """Stack what samples of one size have in common.

    Parameters
    ----------
    samples : list of dict
        Images (x, y, z) by name and, of fields, ``dipole``, a `DipoleConvolution`, and
        ``voxel_size``, that which counts for total variation.

    Returns
    -------
    dict of str to tensor
        The images (batch, 1, x, y, z); of fields also the dipole's ``kernel``
        (batch, 1, px, py, pz // 2 + 1), ``padded`` (3,), and ``geometry`` (batch, 1, 6), its voxel
        edges and B0 direction; ``voxel_size`` (batch, 3).
    """
    common = [key for key in samples[0] if all(key in sample for sample in samples)]
    images = [key for key in common if key not in ("dipole", "voxel_size")]
    batch = {key: _stacked([sample[key] for sample in samples]) for key in images}
    if "dipole" in common:
        dipoles = [sample["dipole"] for sample in samples]
        geometry = [np.array([*one.voxel_size, *one.b0_dir], np.float32) for one in dipoles]
        batch["kernel"] = _stacked([one.kernel for one in dipoles])
        batch["geometry"] = _stacked(geometry)
        batch["padded"] = torch.tensor(dipoles[0].padded)
        batch["voxel_size"] = torch.tensor([sample["voxel_size"] for sample in samples])
    return batch


def _stacked(images: list[Any]) -> torch.Tensor:
    return torch.from_numpy(np.stack(images)[:, None])


def dipole_of(batch: Batch, prefix: str = "") -> Dipole:
    """Return the dipole of a batch, or of the part of it whose names begin with ``prefix``."""
    return Dipole(batch[prefix + "kernel"], tuple(batch[prefix + "padded"].tolist()))
