"""RESHARP: regularised deconvolution of spherical mean values."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qsmbids.background.coarse import CoarseGrid
from qsmbids.background.pdf import fit_dipoles
from qsmbids.background.reliability import inpaint, reliability
from qsmbids.background.smv import MeanValue, sphere
from qsmbids.errors import QsmbidsWarning
from qsmbids.physics.solve import conjugate_gradients

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]

_COARSE_ITERATIONS = 8  # times those of the fine grid


def resharp(
    field: Float,
    mask: Bool,
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
    weight: Float | None,
    radius: float = 6.0,
    regularisation: float = 1e-5,
    tolerance: float = 3e-4,
    max_iterations: int = 20,
) -> tuple[Float, Bool]:
    r"""Find the smallest local field that leaves a background equal to its spherical means.

    The local field minimises :math:`\| M (\delta - \rho) * (f - x) \|^2 + \lambda \| x \|^2`,
    with :math:`\rho` the ball's mean and M the mask eroded by the ball. The background is
    smooth: it is found on a grid of twice the voxel size first, where iterations cost an
    eighth, and that solution is the start.

    A ball with one voxel of garbage has a wrong mean. Unreliable voxels are therefore given
    the field of dipoles, outside the mask and in themselves, that fit the reliable ones.

    Parameters
    ----------
    field, mask, voxel_size, b0_dir, weight
        As in `qsmbids.background.remove_background`.
    radius : float
        Of the ball, in mm; one below the longest edge of a voxel becomes that, with a
        `qsmbids.errors.QsmbidsWarning`.
    regularisation : float
        :math:`\lambda`; a larger one takes off more of the slowly varying local field.
    tolerance : float
        Stop when the residual has fallen to this part of the first.
    max_iterations : int
        Stop there at the latest; the coarse grid is given eight times as many
        and a tenth of the tolerance.

    Returns
    -------
    local, mask
        Local field in ppm, and the mask eroded by the ball.

    Raises
    ------
    ValueError
        If the radius or the regularisation is not positive.

    References
    ----------
    Sun and Wilman, Magn Reson Med 71:1151 (2014).
    """
    if not regularisation > 0:
        raise ValueError("the regularisation must be positive")
    if not radius > 0:
        raise ValueError("the radius must be positive")
    radius = _reaching(radius, voxel_size)
    joined = [2 if 4 * s <= radius else 1 for s in voxel_size]
    coarse = CoarseGrid(mask, joined)
    size = [s * j for s, j in zip(voxel_size, joined, strict=True)]
    total = _without_gaps(field, mask, reliability(weight, mask), coarse, size, voxel_size, b0_dir)
    start = None
    if max(joined) > 1 and coarse.mask.any():
        means = coarse.mean(total)
        more = _COARSE_ITERATIONS * max_iterations
        local, _ = _deconvolve(
            means, coarse.mask, None, size, radius, regularisation, tolerance / 10, more
        )
        start = (total - coarse.interpolate(means - local, total)) * mask
    return _deconvolve(
        total, mask, start, voxel_size, radius, regularisation, tolerance, max_iterations
    )


def _reaching(radius: float, voxel_size: Sequence[float]) -> float:
    """Return the radius in mm, or a voxel's longest edge where the ball does not reach that far."""
    longest = float(max(voxel_size))
    if radius >= longest:
        return radius
    text = (
        f"The voxels are {longest:g} mm long, more than RESHARP's radius of {radius:g} mm: a "
        f"radius of {longest:g} mm was taken, and that much of the mask's rim is lost; "
        "--background jdf keeps it."
    )
    warnings.warn(text, QsmbidsWarning, stacklevel=2)
    return longest


def _without_gaps(
    field: Float,
    mask: Bool,
    reliable: Float,
    coarse: CoarseGrid,
    size: Sequence[float],
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
) -> Float:
    """Return ``field`` with the field of fitted dipoles where it is not reliable."""
    gaps = mask & (reliable < 0.5)
    if not gaps.any():
        return field
    total = inpaint(field, reliable, voxel_size)
    if not coarse.mask.any():
        return total
    means = coarse.mean(total)
    _, explained = fit_dipoles(means, coarse.mask, coarse.mean(reliable), size, b0_dir)
    return np.where(gaps, coarse.interpolate(explained, total), field)


def _deconvolve(
    total: Float,
    mask: Bool,
    start: Float | None,
    voxel_size: Sequence[float],
    radius: float,
    regularisation: float,
    tolerance: float,
    max_iterations: int,
) -> tuple[Float, Bool]:
    """Solve on one grid, from ``start``; return the local field and the eroded mask."""
    mean_value = MeanValue(mask.shape, voxel_size)
    ball = sphere(radius, voxel_size)
    eroded = mean_value.erode(mask, ball)
    if not eroded.any():
        return np.zeros_like(total), eroded
    response = 1 - mean_value.spectrum(ball)
    penalty = np.float32(regularisation)

    def misfit(x: Float) -> Float:
        y = mean_value.filter(x, response)
        y *= eroded
        y = mean_value.filter(y, response)
        y *= mask
        return y

    def normal(x: Float) -> Float:
        return misfit(x) + penalty * x

    local = conjugate_gradients(normal, misfit(total), tolerance, max_iterations, start=start)
    return local, eroded
