"""A network's map, refined by total variation with the network's map as the prior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from qsmbids.inversion.network import network
from qsmbids.inversion.result import Reconstruction
from qsmbids.inversion.tv import minimise
from qsmbids.physics import DipoleConvolution

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]

# How much the prior counts: TRUST where the smooth part of what the network leaves of the field
# is UNEXPLAINED of it, and by the fourth power more or less elsewhere. From simulated heads whose
# fields hold smooth errors of 0 to 50 % of their spread; the best beta goes from 0.003 to 0.1.
TRUST, UNEXPLAINED = 0.03, 0.2
LIMITS = (0.002, 0.3)
SMOOTH = 1.5  # voxels: noise is gone, errors of the model and of the background are not


def refined(  # noqa: PLR0913 - a method's options are its parameters
    field: Float,
    mask: Mask,
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
    weight: Float | None = None,
    weights: str = "dcnet",
    trust: float = 0.0,
    regularization: float = 0.15,
    iterations: int = 40,
    memory_gb: float = 3.0,
    device: str = "auto",
) -> Reconstruction:
    r"""Apply a network, then fit the field with the least total variation around its map.

    Minimises :math:`\frac12 \|W (D\chi - f)\|^2 + \lambda \sum |G\chi|
    + \frac{\beta}{2} \|\chi - \chi_{net}\|^2`. Total variation alone is the better the truer the
    field is to the dipole model; the network alone withstands errors of the model. Beta follows
    what the network could not explain of the field's smooth part.

    Parameters
    ----------
    field, mask, voxel_size, b0_dir, weight
        As in `qsmbids.inversion.invert`.
    weights : str
        Path of a weights file, or the name of one that the package ships.
    trust : float
        Beta; with 0 it is found from the field.
    regularization, iterations
        As in `qsmbids.inversion.tv.tv`.
    memory_gb, device
        As in `qsmbids.inversion.network.network`.

    Returns
    -------
    Reconstruction
        Susceptibility in ppm, which weights made the prior, and the trust in it.

    Raises
    ------
    InputError
        If the weights cannot be used.
    ValueError
        If an option is out of range, or the mask is too small for a network.
    """
    if trust < 0:
        raise ValueError(f"the trust must not be negative, not {trust}")
    found = network(
        field, mask, voxel_size=voxel_size, b0_dir=b0_dir, weights=weights, memory_gb=memory_gb,
        uncertainty=False, device=device,
    )  # fmt: skip
    prior = np.where(mask, found.chi, np.float32(0))
    beta = trust or fitting_trust(prior, field, mask, voxel_size=voxel_size, b0_dir=b0_dir)
    chi = minimise(
        field, mask, voxel_size=voxel_size, b0_dir=b0_dir, weight=weight,
        regularization=regularization, iterations=iterations, prior=prior, trust=beta,
    )  # fmt: skip
    # The uncertainty is learnt from maps of networks; those refined here err less and elsewhere.
    return replace(found, chi=chi, details={**found.details, "PriorTrust": round(beta, 5)})


def fitting_trust(
    prior: Float,
    field: Float,
    mask: Mask,
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
) -> float:
    """Return the weight of the prior that fits what it leaves of the field.

    Parameters
    ----------
    prior : (x, y, z) float32 array
        The network's map in ppm, zero outside the mask.
    field, mask, voxel_size, b0_dir
        As in `refined`.
    """
    dipole = DipoleConvolution(field.shape, voxel_size, b0_dir)
    residual = np.where(mask, field - dipole(prior), np.float32(0))
    share = gaussian_filter(mask.astype(np.float32), SMOOTH)
    smooth = gaussian_filter(residual, SMOOTH)[mask] / share[mask]
    unexplained = float(np.abs(smooth).mean() / max(float(np.abs(field[mask]).mean()), 1e-9))
    return float(np.clip(TRUST * (unexplained / UNEXPLAINED) ** 4, *LIMITS))
