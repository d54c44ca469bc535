"""The map of a network for one whole volume."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qsmbids.errors import InputError, QsmbidsWarning
from qsmbids.inference.predictor import Predictor
from qsmbids.networks.device import is_out_of_memory
from qsmbids.physics.torch_dipole import CONSISTENCY

FALLBACK_GB = (0.5, 0.1)
"""What the U-Net may take, one after the other, once memory has run out."""


def predict(
    predictor: Predictor,
    *,
    consistency: float = CONSISTENCY,
    memory_gb: float = 3.0,
    average: int = 1,
) -> NDArray[np.float32]:
    """Return the network's susceptibility map.

    Parameters
    ----------
    predictor : Predictor
        The network, a `qsmbids.networks.base.InversionNet`, and the volume.
    consistency : float
        Of a closing data consistency on the native grid, for a network without its own, see
        `qsmbids.physics.torch_dipole.data_consistency`; 0 for none.
    memory_gb : float
        Above that the U-Net works in tiles; so it does where memory runs out, with a
        `qsmbids.errors.QsmbidsWarning`.
    average : {1, 2, 4, 8}
        Mean of the maps of so many mirror images of the field.

    Returns
    -------
    (x, y, z) float32 array
        Susceptibility in ppm with zero mean over the mask, zero outside of it.

    Raises
    ------
    InputError
        If memory runs out even in tiles.
    ValueError
        If ``average`` is none of its values.
    """
    flips = mirrors(average)
    with torch.inference_mode():
        chi = torch.stack([_in_memory(predictor, memory_gb, axes) for axes in flips]).mean(0)
        chi = predictor.with_consistency(chi, consistency)
    result: NDArray[np.float32] = chi[0, 0].cpu().numpy()
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


def _in_memory(predictor: Predictor, memory_gb: float, flip: tuple[int, ...]) -> Tensor:
    """Run the network, in ever smaller tiles while memory runs out."""
    for limit in (memory_gb, *FALLBACK_GB):
        try:
            return predictor(limit, flip)
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
