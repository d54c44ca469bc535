"""Paramagnetic and diamagnetic parts of a voxel's susceptibility."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qsmbids.array_types import Bool, Float

LIMITS = (
    "R2 is one value for the whole brain: where R2 is higher (myelin, inflammation, iron) both "
    "parts are too large, where it is lower (fluid, oedema) both are too small.",
    "R2* counts signal lost to the background field's gradient as sources: near sinuses and in "
    "thick slices both parts are too large.",
    "Iron and myelin are taken to raise R2* equally much per ppm, whatever their shape; fibres "
    "across B0 look more diamagnetic than fibres along it.",
    "The parts add up to the map, whose zero is that of its reference and not that of water.",
)
"""What a reader of the parts must know."""

RELAXIVITY = 45.7
"""By how much a ppm of sources raises R2* at 1 T, in 1/s (Shin et al.: 137 1/s at 3 T)."""

_MOST_UNEXPLAINED = 0.5
_SHORTEST_SPAN = 0.01  # seconds between the first and the last echo


class Parts(NamedTuple):
    """Susceptibility (x, y, z) float32 in ppm by sign; their sum is the map.

    ``unexplained`` is the share of the mask in which R2* is too low for the map's value: there
    the larger part is the map itself, and the other 0.
    """

    paramagnetic: Float
    diamagnetic: Float
    unexplained: float

    def doubts(self) -> list[str]:
        """Return a warning if R2* is too low for the map in too much of the mask."""
        if self.unexplained < _MOST_UNEXPLAINED:
            return []
        return [
            f"R2* is too low for the susceptibility in {100 * self.unexplained:.0f} % of the mask, "
            "where the smaller of the two parts is 0: look at R2* and the echo times, or lower "
            "R2 with --option r2star.r2."
        ]


def span_doubts(echo_times: Sequence[float], field_strength: float) -> list[str]:
    """Return a warning if echoes lie so close together that R2* and so the parts are noise.

    Parameters
    ----------
    echo_times : sequence of float
        In seconds.
    field_strength : float
        In tesla.
    """
    span = max(echo_times) - min(echo_times)
    if span >= _SHORTEST_SPAN:
        return []
    # two echoes with noise of one hundredth: R2* is off by sqrt(2) / 100 over their distance
    ppb = 1000 * 2**0.5 / 100 / span / (2 * RELAXIVITY * field_strength)
    return [
        f"The echoes lie within {1000 * span:.3g} ms: noise of 1 % of the signal alone makes "
        f"{ppb:.0f} ppb in each part; R2* needs echoes over {1000 * _SHORTEST_SPAN:.0f} ms or more."
    ]


def by_r2star(
    chi: Float,
    r2star: Float,
    mask: Bool,
    *,
    field_strength: float,
    relaxivity: float = RELAXIVITY,
    r2: float = 10.0,
    r2_per_tesla: float = 1.0,
) -> Parts:
    r"""Tell paramagnetic and diamagnetic sources in a voxel apart by its R2*.

    Parameters
    ----------
    chi : (x, y, z) float32 array
        Susceptibility in ppm.
    r2star : (x, y, z) float32 array
        In 1/s.
    mask : (x, y, z) bool array
        Where both are known.
    field_strength : float
        B0 in tesla.
    relaxivity : float
        By how much a ppm of sources of either sign raises R2* at 1 T, in 1/s; 137 1/s at 3 T.
    r2, r2_per_tesla : float
        R2 of brain tissue at 0 T, in 1/s, and its growth with B0, in 1/s/T: 13 1/s at 3 T, between
        the 10 of grey and the 14 of white matter (Stanisz et al., Magn Reson Med 54:507, 2005).

    Returns
    -------
    Parts
        Zero off the mask; the diamagnetic part is at most 0.

    Raises
    ------
    ValueError
        If shapes do not agree, or ``relaxivity`` is not positive.

    Notes
    -----
    Sources add to R2* whatever their sign and to chi with it (Shin et al., static dephasing):

    .. math:: \chi = \chi_+ + \chi_-, \qquad R_2^* - R_2 = D_r B_0 (\chi_+ - \chi_-)

    Without a measured R2 it is one value, as in separations from gradient echoes alone (Dimov et
    al.). For a map that is given the equations hold in each voxel by itself, with
    :math:`\chi_+ \ge 0` and :math:`\chi_- \le 0`; where both cannot hold, the first does.

    References
    ----------
    Shin et al., NeuroImage 240:118371 (2021); Dimov et al., Tomography 8:1544 (2022).
    """
    if not relaxivity > 0:
        raise ValueError(f"the relaxivity must be positive, not {relaxivity}")
    if r2 < 0 or r2_per_tesla < 0:
        raise ValueError(f"R2 and its growth must not be negative, not {r2} and {r2_per_tesla}")
    if chi.shape != r2star.shape or chi.shape != mask.shape:
        raise ValueError("chi, R2* and mask do not agree in shape")
    own = np.float32(r2 + r2_per_tesla * field_strength)
    told = np.maximum(r2star - own, 0) / np.float32(relaxivity * field_strength)
    size = np.abs(chi)
    unexplained = float(np.mean(told[mask] < size[mask])) if mask.any() else 0.0
    sources = np.where(mask, np.maximum(told, size), np.float32(0))
    inside = np.where(mask, chi, np.float32(0))
    half = np.float32(0.5)
    return Parts(half * (inside + sources), half * (inside - sources), unexplained)
