"""Solving for what a background leaves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]


def conjugate_gradients(
    normal: Callable[[Float], Float],
    target: Float,
    tolerance: float,
    max_iterations: int,
    precondition: Callable[[Float], Float] = np.copy,
    start: Float | None = None,
) -> Float:
    """Solve ``normal(x) = target`` for a symmetric, positive semi-definite operator.

    Parameters
    ----------
    normal : callable
        From an image to an image.
    target : float32 array
        The right-hand side.
    tolerance : float
        Stop when the residual's norm has fallen to this part of the target's.
    max_iterations : int
        Stop there at the latest.
    precondition : callable
        A symmetric, positive approximation of the inverse of ``normal``; none by default. The
        residual is then measured in the norm that it makes.
    start : float32 array, optional
        Where to start; at zero by default.

    Returns
    -------
    float32 array
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
    enough = _dot(target, precondition(target)) * tolerance**2
    solution = np.zeros_like(target) if start is None else start.copy()
    residual = target.copy() if start is None else target - normal(solution)
    direction = precondition(residual)
    energy = _dot(residual, direction)
    for _ in range(max_iterations):
        if energy <= enough:
            break
        image = normal(direction)
        step = np.float32(energy / _dot(direction, image))
        solution += step * direction
        residual -= step * image
        image = precondition(residual)
        before, energy = energy, _dot(residual, image)
        direction *= np.float32(energy / before)
        direction += image
    return solution


def _dot(a: Float, b: Float) -> float:
    return float(np.vdot(a, b))
