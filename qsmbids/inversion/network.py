"""Inversion by a trained network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

if TYPE_CHECKING:
    from qsmbids.nets.inversion import Inversion

Float = NDArray[np.float32]


def network(
    field: Float,
    mask: NDArray[np.bool_],
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
    weight: Float | None = None,
    weights: str = "dcnet",
    consistency: float = 0.1,
    memory_gb: float = 3.0,
) -> Float:
    r"""Apply a trained network to the whole volume.

    Parameters
    ----------
    field, mask, voxel_size, b0_dir, weight
        As in `qsmbids.inversion.invert`; networks take no weight.
    weights : str
        Path of a weights file, or the name of one that the package ships.
    consistency : float
        The mu of :math:`(D f' + \mu \chi) / (D^2 + \mu)`, by which the map of a network that
        does not do so itself is brought into agreement with the field; 0 leaves it as it is.
    memory_gb : float
        Above that the network works in tiles.

    Returns
    -------
    (x, y, z) float32 array
        Susceptibility in ppm.

    Raises
    ------
    InputError
        If the weights cannot be used.
    ValueError
        If the mask is too small for a network.
    """
    from qsmbids.nets.infer import predict

    if consistency < 0:
        raise ValueError(f"the consistency must not be negative, not {consistency}")
    model, card = load(weights)
    with torch_threads():
        return predict(
            model,
            field,
            mask,
            voxel_size=voxel_size,
            b0_dir=b0_dir,
            card=card,
            consistency=consistency,
            memory_gb=memory_gb,
        )


def load(weights: str) -> tuple[Inversion, dict[str, Any]]:
    """Return the network and card of a weights file, or of one that the package ships by name."""
    from qsmbids.nets.weights import bundled, load_weights

    return load_weights(bundled().get(weights, weights))


@contextmanager
def torch_threads() -> Iterator[None]:
    """Let torch use as many threads as ``scipy.fft`` does: the caller sets them in one place."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(scipy.fft.get_workers())
    try:
        yield
    finally:
        torch.set_num_threads(before)
