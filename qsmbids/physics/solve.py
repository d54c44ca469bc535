"""Solving the normal equations of a fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from qsmbids.physics.slabs import in_slabs

Vector = TypeVar("Vector", NDArray[np.float32], NDArray[np.complex64])


def inner(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return the inner product of two images."""
    return float(sum(in_slabs(lambda slab: float(np.vdot(a[slab], b[slab])), a.shape)))


def spectral_inner(a: NDArray[Any], b: NDArray[Any], size: int) -> float:
    """Return the inner product of two images, up to a factor, from their half spectra.

    Every plane stands for two but that of frequency zero and, if ``size`` is even, the last.

    Parameters
    ----------
    a, b : (x, y, z // 2 + 1) complex64 array
        In the layout of ``rfftn``.
    size : int
        Length of the images' last axis.
    """
    single = [0, -1] if size % 2 == 0 else [0]
    once = sum(float(np.vdot(a[..., i], b[..., i]).real) for i in single)
    return 2 * float(np.vdot(a, b).real) - once


def conjugate_gradients(
    normal: Callable[[Vector], Vector],
    target: Vector,
    tolerance: float,
    max_iterations: int,
    precondition: Callable[[Vector], Vector] = np.copy,
    start: Vector | None = None,
    dot: Callable[[Vector, Vector], float] = inner,
) -> Vector:
    """Solve ``normal(x) = target`` for a symmetric, positive semi-definite operator.

    Parameters
    ----------
    normal : callable
        From an image to an image, or from a spectrum to a spectrum.
    target : float32 or complex64 array
        The right-hand side.
    tolerance : float
        Stop when the residual's norm has fallen to this part of the target's.
    max_iterations : int
        Stop there at the latest.
    precondition : callable
        A symmetric, positive approximation of the inverse of ``normal``; none by default. The
        residual is then measured in the norm that it makes.
    start : array, optional
        Where to start; at zero by default.
    dot : callable
        The inner product in which ``normal`` is symmetric; that of two images by default.

    Returns
    -------
    float32 or complex64 array
        The solution.

    Raises
    ------
    ValueError
        If the tolerance is not between 0 and 1, or fewer than one iteration is allowed.
    """
    if not 0 < tolerance < 1:
        raise ValueError("the tolerance must lie between 0 and 1")
    if max_iterations < 1:
        raise ValueError("at least one iteration is needed")
    enough = dot(target, precondition(target)) * tolerance**2
    solution = np.zeros_like(target) if start is None else start.copy()
    residual = target.copy() if start is None else target - normal(solution)
    direction = precondition(residual)
    energy = dot(residual, direction)
    for _ in range(max_iterations):
        if energy <= enough:
            break
        image = normal(direction)
        step = np.float32(energy / dot(direction, image))
        _add(solution, direction, step)
        _add(residual, image, -step)
        image = precondition(residual)
        before, energy = energy, dot(residual, image)
        _add(image, direction, np.float32(energy / before))
        direction = image
    return solution


def _add(image: NDArray[Any], other: NDArray[Any], factor: np.float32) -> None:
    """Add ``factor`` times another image to one, in place."""

    def add(slab: slice) -> None:
        image[slab] += factor * other[slab]

    in_slabs(add, image.shape)
