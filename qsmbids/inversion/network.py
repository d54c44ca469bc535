"""Inversion by a trained network."""

from __future__ import annotations

from qsmbids.inversion.network_results import computed_on, load, with_uncertainty
from qsmbids.inversion.reconstruction import Reconstruction
from qsmbids.physics import Problem


def network(
    problem: Problem,
    *,
    weights: str = "dcnet",
    consistency: float = 0.1,
    memory_gb: float = 3.0,
    average: int = 1,
    uncertainty: bool = True,
) -> Reconstruction:
    r"""Apply a trained network to the whole volume.

    Parameters
    ----------
    problem : Problem
        A network itself takes no weight.
    weights : str
        Path of a weights file, or the name of one that the package ships.
    consistency : float
        The c of `data_consistency`, which brings the map of a network that does not
        do so itself into agreement with the field; 0 leaves it as it is.
    memory_gb : float
        Above that the network works in tiles.
    average : {1, 2, 4, 8}
        Mean of the maps of so many mirror images of the field.
    uncertainty : bool
        Estimate how far the map may be off too, see `qsmbids.inference.predict_uncertainty`.

    Returns
    -------
    Reconstruction
        Susceptibility in ppm, and which weights made it.

    Raises
    ------
    InputError
        If the weights cannot be used.
    UsageError
        If there is no such device.
    ValueError
        If the mask is too small for a network.
    """
    from qsmbids.inference.predict import mirrors, predict
    from qsmbids.inference.predictor import Predictor
    from qsmbids.networks.device import torch_threads

    if consistency < 0:
        raise ValueError(f"the consistency must not be negative, not {consistency}")
    if not memory_gb > 0:
        raise ValueError(f"memory_gb must be positive, not {memory_gb}")
    mirrors(average)  # refuses what is no number of mirror images
    model, card, details = load(weights)
    with torch_threads():
        predictor = Predictor(model, problem, card)
        chi = predict(predictor, consistency=consistency, memory_gb=memory_gb, average=average)
    found = Reconstruction(chi, details={**details, **computed_on(problem.device)})
    return with_uncertainty(found, problem) if uncertainty else found
