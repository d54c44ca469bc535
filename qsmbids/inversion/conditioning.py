"""How well several head orientations together determine susceptibility."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

SINGULAR = 1e6
"""A condition number that stands for every larger one."""
DIRECTIONS = 5000
ENOUGH = 3
"""Two cones of unknown frequencies cross; a third orientation is needed to know them all."""


def condition_number(b0_dir: Sequence[Sequence[float]]) -> float:
    r"""Return how much worse the least known frequency is known than the best known.

    That is :math:`\sqrt{\max_k S / \min_k S}` with :math:`S(k) = \sum_i D_i(k)^2`, over all
    directions of k; 1e6 where a direction is not known at all.

    Parameters
    ----------
    b0_dir : (orientation, 3) sequence of float
        B0 of each orientation along the voxel axes.

    References
    ----------
    Liu et al., Magn Reson Med 61:196 (2009).
    """
    from scipy.optimize import minimize

    b0 = _unit(b0_dir)

    def known(k: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(((1 / 3 - (_unit(k) @ b0.T) ** 2) ** 2).sum(axis=-1))

    # a spiral with evenly spread points on the upper half of the sphere
    z = (np.arange(DIRECTIONS) + 0.5) / DIRECTIONS
    turn = np.pi * (1 + 5**0.5) * np.arange(DIRECTIONS)
    radius = np.sqrt(1 - z**2)
    k = np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=1)
    values = known(k)
    few = k[np.argsort(values)[:8]]  # neighbouring minima may be of different depth
    least = min(
        float(minimize(known, start, method="Nelder-Mead", options={"xatol": 1e-9}).fun)
        for start in few
    )
    most = float(values.max())
    return float(np.sqrt(most / max(least, most / SINGULAR**2)))


def angles_between(b0_dir: Sequence[Sequence[float]]) -> list[list[float]]:
    """Return the angles in degrees between the B0 directions, 0 to 90: B0 has no sign here.

    Parameters
    ----------
    b0_dir : (orientation, 3) sequence of float
        B0 of each orientation along the voxel axes.
    """
    b0 = _unit(b0_dir)
    # by the sine as well, which is exact where the cosine is flat
    sine = np.linalg.norm(np.cross(b0[:, None], b0[None]), axis=-1)
    angles = np.degrees(np.arctan2(sine, np.abs(b0 @ b0.T)))
    return [[round(float(angle), 2) for angle in row] for row in angles]


def doubts(count: int, condition: float, max_condition: float) -> tuple[str, ...]:
    """Return what to say of a number of orientations and their condition number."""
    found = []
    if count < ENOUGH:
        found.append(
            f"COSMOS has {count} orientations; with fewer than {ENOUGH} some spatial frequencies "
            "stay unknown, and streaks may remain."
        )
    if condition > max_condition:
        known = f"{condition:.0f}" if condition < SINGULAR else "a million or more"
        found.append(
            f"The head orientations are too alike or lie badly: the condition number is {known}, "
            f"above {max_condition:g}; noise and streaks may be strong."
        )
    return tuple(found)


def _unit(vectors: ArrayLike) -> NDArray[np.float64]:
    v = np.asarray(vectors, dtype=float)
    return np.asarray(v / np.linalg.norm(v, axis=-1, keepdims=True))
