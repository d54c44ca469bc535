"""Grain: what susceptibility varies by inside of one tissue, from bundles and layers to voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Float
from qsmbids.training.data.random_fields import SmoothNoise


@dataclass(frozen=True)
class Grain:
    """How much grain maps get; a network that has met flat tissue alone paints tissue flat.

    Multi-orientation maps of brains have power that falls with frequency to the minus 3, about,
    down to single voxels.

    Parameters
    ----------
    share : float
        Share of the samples that have any.
    exponent : (2,) tuple of float
        Range of the exponent by which power falls with spatial frequency.
    relative : (2,) tuple of float
        Range of its standard deviation in shapes, as a share of the shapes' own.
    absolute : (2,) tuple of float
        Range of its standard deviation in heads, in ppm.
    modulated : float
        Share of the grainy samples in which its amplitude varies from place to place.
    stretched : float
        Share of the grainy samples in which it is longer along one direction, as bundles are.
    """

    share: float = 0.0
    exponent: tuple[float, float] = (2.2, 3.6)
    relative: tuple[float, float] = (0.2, 1.2)
    absolute: tuple[float, float] = (0.005, 0.03)
    modulated: float = 0.5
    stretched: float = 0.3


def add_grain(
    rng: np.random.Generator,
    chi: Float,
    mask: NDArray[np.bool_],
    *,
    noise: SmoothNoise,
    how: Grain,
    is_head: bool,
) -> Float:
    """Return a map with grain, or as it was in the share of the samples that get none.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws all that is random.
    chi : (x, y, z) float32 array
        Susceptibility in ppm.
    mask : (x, y, z) bool array
        Over which standard deviations are taken.
    noise : SmoothNoise
        On the same grid.
    how : Grain
        How much, and of which kind.
    is_head : bool
        Whether the amplitude is absolute, for a head, or relative to the map's own variation.
    """
    if rng.random() >= how.share or not mask.any():
        return chi
    stretch = tuple(rng.uniform(1, 3, 3)) if rng.random() < how.stretched else (1.0, 1.0, 1.0)
    grain = noise.power_law(rng.uniform(*how.exponent), stretch)
    if rng.random() < how.modulated:
        grain *= np.exp(np.float32(rng.uniform(0.2, 0.8)) * noise(rng.uniform(3, 12)))
    if is_head:
        size = np.exp(rng.uniform(*np.log(how.absolute)))
    else:
        size = rng.uniform(*how.relative) * float(chi[mask].std())
    grained: Float = chi + np.float32(size / max(float(grain[mask].std()), 1e-9)) * grain
    return grained
