"""From the local field to susceptibility: every method by one name and with one signature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qsmbids.registry import Method, Registry

METHODS = Registry(
    "inversion",
    {
        "tkd": Method(
            "qsmbids.inversion.tkd:tkd",
            "Thresholded k-space division",
            "by thresholded k-space division with correction of the underestimated scale",
            ("shmueli2009", "schweser2013"),
        ),
        "tikhonov": Method(
            "qsmbids.inversion.tikhonov:tikhonov",
            "Closed-form L2",
            "by closed-form minimisation with an L2 penalty on the gradient",
            ("bilgic2014",),
        ),
        "ndi": Method(
            "qsmbids.inversion.ndi:ndi",
            "Nonlinear dipole inversion",
            "by nonlinear dipole inversion, regularised by early stopping",
            ("polak2020",),
        ),
        "tv": Method(
            "qsmbids.inversion.tv:tv",
            "Total variation (ADMM)",
            "by weighted total-variation-regularised inversion, solved with ADMM",
            ("bilgic2015", "milovic2018"),
        ),
    },
)


def invert(
    field: ArrayLike,
    mask: ArrayLike,
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float] = (0, 0, 1),
    weight: ArrayLike | None = None,
    method: str = "tv",
    **options: Any,
) -> NDArray[np.float32]:
    """Return the susceptibility whose dipole field is ``field``.

    Parameters
    ----------
    field : (x, y, z) array_like
        Local field in ppm of B0, background removed.
    mask : (x, y, z) array_like
        Where the field is valid.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.
    b0_dir : (3,) sequence of float
        B0 along the voxel axes.
    weight : (x, y, z) array_like, optional
        Confidence in each voxel's field, 0 to 1, proportional to 1/noise; uniform by default.
    method : str
        A name in ``METHODS``.
    **options
        The method's own options.

    Returns
    -------
    (x, y, z) float32 array
        Susceptibility in ppm, zero outside the mask, its mean over the mask set to zero: a
        field does not determine the mean.

    Raises
    ------
    ValueError
        If shapes differ, the mask is empty, or the field is zero or not finite in the mask.
    UsageError
        If the method or one of its options does not exist.
    """
    field = np.asarray(field, dtype=np.float32)
    mask = np.asarray(mask) != 0
    _check(field, mask, weight)
    entry = METHODS[method]
    chosen = entry.resolve(options)
    field = np.where(mask, field, np.float32(0))
    if weight is not None:
        weight = np.where(mask, np.asarray(weight, dtype=np.float32), np.float32(0))
    chi = entry.load()(
        field, mask, voxel_size=tuple(voxel_size), b0_dir=tuple(b0_dir), weight=weight, **chosen
    )
    chi = np.asarray(chi, dtype=np.float32)
    return np.where(mask, chi - chi[mask].mean(dtype=np.float64), 0).astype(np.float32)


def _check(field: NDArray[Any], mask: NDArray[Any], weight: ArrayLike | None) -> None:
    if field.ndim != 3:
        raise ValueError(f"the field has {field.ndim} dimensions; three are needed")
    if mask.shape != field.shape:
        raise ValueError(f"the mask's shape {mask.shape} is not the field's {field.shape}")
    if weight is not None and np.shape(weight) != field.shape:
        raise ValueError(f"the weight's shape {np.shape(weight)} is not the field's {field.shape}")
    if not mask.any():
        raise ValueError("the mask is empty")
    inside = field[mask]
    if not np.isfinite(inside).all():
        raise ValueError("the field holds NaN or infinite values inside the mask")
    if not inside.any():
        raise ValueError("the field is zero everywhere in the mask")
