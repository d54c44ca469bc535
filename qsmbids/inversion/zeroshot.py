"""Zero-shot uQSM+: a network that is trained on the one subject's field alone."""

from __future__ import annotations

from qsmbids.inference.fit_options import FitOptions
from qsmbids.inversion.network_results import computed_on, fitted
from qsmbids.inversion.reconstruction import Reconstruction
from qsmbids.physics import Problem

FIT = FitOptions(iterations=100, learning_rate=3e-4, patience=15)


def zero_shot(
    problem: Problem,
    *,
    filters: int = 16,
    patch_iterations: int = 200,
    patch_size: int = 64,
    batch: int = 1,
    patch_total_variation: float = 0.06,
    patch_learning_rate: float = 1e-3,
    perturbation: str = "ellipsoid",
    strength: float = 1.5,
    fit: FitOptions = FIT,
) -> Reconstruction:
    """Train a network on random patches of this field, then on the whole volume.

    The patches' loss is the nonlinear data term, total variation, and the consistency under
    added strong sources, whose weight rises and falls; the whole volume's is the first two.
    The defaults are sized for two processor cores; the registry holds the paper's sizes.

    Parameters
    ----------
    problem : Problem
        The largest value of its weight counts as 1.
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
    fit : FitOptions
        How to fit the whole volume.

    Raises
    ------
    ValueError
        If an option is out of range or the mask is too small.

    References
    ----------
    Liu, "Improved model-based learning with data augmentation for QSM", MIDL 2022.
    """
    from qsmbids.inference.patch_training import PatchOptions
    from qsmbids.inference.single_subject import fit_from_scratch
    from qsmbids.networks.device import torch_threads
    from qsmbids.networks.direct import DirectNet

    if filters < 1:
        raise ValueError(f"the network needs at least one filter, not {filters}")
    patches = PatchOptions(
        iterations=patch_iterations,
        size=patch_size,
        batch=batch,
        tv=patch_total_variation,
        perturbation=None if perturbation == "none" else perturbation,
        strength=strength,
        learning_rate=patch_learning_rate,
        seed=fit.seed,
    )
    with torch_threads():
        result = fit_from_scratch(lambda: DirectNet(base=filters), problem, fit, patches)
        return fitted(result, computed_on(problem.device))
