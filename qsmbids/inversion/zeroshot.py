"""Zero-shot uQSM+: a network that is trained on the one subject's field alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qsmbids.inversion.network import computed_on
from qsmbids.inversion.result import Reconstruction, fitted

Float = NDArray[np.float32]


def zero_shot(  # noqa: PLR0913 - a method's options are its parameters
    field: Float,
    mask: NDArray[np.bool_],
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
    weight: Float | None = None,
    filters: int = 16,
    patch_iterations: int = 200,
    patch_size: int = 64,
    batch: int = 1,
    patch_total_variation: float = 0.06,
    patch_learning_rate: float = 1e-3,
    perturbation: str = "ellipsoid",
    strength: float = 1.5,
    iterations: int = 100,
    total_variation: float = 0.06,
    learning_rate: float = 3e-4,
    held_out: float = 0.05,
    patience: int = 15,
    gain: float = 0.04,
    seed: int = 0,
    consistency: float = 0.1,
    device: str = "auto",
) -> Reconstruction:
    """Train a network on random patches of this field, then on the whole volume.

    The patches' loss is the nonlinear data term, total variation, and the consistency under
    added strong sources, whose weight rises and falls; the whole volume's is the first two.
    The defaults are sized for two processor cores. The paper's are ``filters=24``,
    ``patch_iterations=2000``, ``patch_size=96``, ``batch=2``, ``patch_learning_rate=2e-4``,
    ``iterations=2000``, ``learning_rate=2e-4`` and ``total_variation=0.004``.

    Parameters
    ----------
    field, mask, voxel_size, b0_dir, weight
        As in `qsmbids.inversion.invert`; the weight's largest value counts as 1.
    filters : int
        Of the network's first level, doubled at each of five.
    patch_iterations : int
        On patches; 0 leaves them out.
    patch_size : int
        Edge of a patch in voxels.
    batch : int
        Patches an iteration.
    patch_total_variation, patch_learning_rate : float
        Weight of total variation and Adam's learning rate on patches.
    perturbation : {"ellipsoid", "sphere", "cuboid", "cylinder", "none"}
        Shape of the added sources; without any it is zero-shot uQSM.
    strength : float
        Susceptibility of the added sources in ppm, about.
    iterations : int
        On the whole volume at most; fewer where the held-out error stops falling.
    total_variation, learning_rate : float
        Weight of total variation and Adam's learning rate on the whole volume.
    held_out : float
        Share of the voxels, above 0 and at most 0.5, whose field decides when to stop.
    patience : int
        Iterations without improvement after which it stops.
    gain : float
        Share, at least 0 and below 1, by which the held-out error must fall; otherwise the
        network stays as it was before, and the methods text says so.
    seed : int
        Of everything that chance decides.
    consistency : float
        The c of `data_consistency`, which brings the map into agreement with the
        field at the end; 0 leaves it as the fit gives it.
    device : {"auto", "cpu", "cuda"}
        Where to compute; auto is a graphics processor where there is one.

    Returns
    -------
    Reconstruction
        Susceptibility in ppm, and the course of the fit.

    Raises
    ------
    ValueError
        If an option is out of range or the mask is too small.

    References
    ----------
    Liu, "Improved model-based learning with data augmentation for QSM", MIDL 2022.
    """
    from qsmbids.inference.fine_tuning import FitOptions
    from qsmbids.inference.patch_training import PatchOptions
    from qsmbids.inference.single_subject import fit_from_scratch
    from qsmbids.networks.device import torch_threads
    from qsmbids.networks.direct import DirectNet

    if filters < 1:
        raise ValueError(f"the network needs at least one filter, not {filters}")
    patches = PatchOptions(
        patch_iterations, patch_size, batch, patch_total_variation,
        None if perturbation == "none" else perturbation, strength,
        learning_rate=patch_learning_rate, seed=seed,
    )  # fmt: skip
    options = FitOptions(
        iterations, total_variation, learning_rate, held_out, patience, seed, consistency, gain
    )
    with torch_threads():
        result = fit_from_scratch(
            lambda: DirectNet(base=filters), field, mask, weight,
            voxel_size=voxel_size, b0_dir=b0_dir, options=options, patches=patches, device=device,
        )  # fmt: skip
        return fitted(result, computed_on(device))
