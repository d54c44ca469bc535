"""Streaks and shadows of a map: what stands near the cone on which the dipole kernel is zero."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf
from typing import Any

import numpy as np
import scipy.fft as sf
from numpy.typing import NDArray

from qsmbids.array_types import Mask
from qsmbids.bids.volume import Image
from qsmbids.physics.kernel import frequencies
from qsmbids.physics.kspace import fast_size
from qsmbids.physics.problem import demean
from qsmbids.reports.checks.check import Check

STREAKS_MM = (3.0, 12.0)
SHADOWS_MM = (25.0, 100.0)
_NEAR, _FAR = 0.1, 0.2  # size of the kernel: unknown, and measured well
_SHELLS = 12
_Samples = NDArray[np.floating[Any]]


MOST_STREAKS = 1.5
"""Truth has 0.9, maps of the default 0.8, `tkd` 0.8 and in vivo 1.3; visible streaks 1.65 on."""


def artefact_checks(
    chi: Image, mask: Mask, voxel_size: Sequence[float], b0_dir: Sequence[float]
) -> list[Check]:
    """Return the checks of streaks and shadows of the map ``chi`` (x, y, z) in ppm."""
    streaks, shadows = cone_excess(chi, mask, voxel_size, b0_dir, (STREAKS_MM, SHADOWS_MM))
    checks = []
    if streaks is not None:
        checks.append(
            Check(
                "Streaks",
                streaks,
                "",
                (-inf, MOST_STREAKS),
                above="Noise was amplified where the dipole kernel is zero: streaks run from "
                "strong sources at about 55 degrees to B0. Regularise more, or take another "
                "method.",
            )
        )
    if shadows is not None:
        checks.append(Check("Shadows", shadows, "", (-inf, inf)))
    return checks


def cone_excess(
    chi: Image,
    mask: Mask,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float],
    bands: Sequence[tuple[float, float]],
) -> list[float | None]:
    """Return the map's amplitude near the cone over that elsewhere; None where it is too coarse.

    Parameters
    ----------
    chi : (x, y, z) array
        Susceptibility in ppm.
    mask : (x, y, z) bool array
    voxel_size, b0_dir : (3,) sequence of float
        Edge lengths in mm; B0 along the axes.
    bands : sequence of (float, float)
        Wavelengths in mm, the shortest and the longest, such as `STREAKS_MM`; a value each.

    Notes
    -----
    Anatomy has no part in the direction of B0, so that amplitudes near the cone should be those
    of other directions: more is noise that the inversion has amplified, seen as streaks at short
    and as shadows at long wavelengths; less is smoothed away. Shells of equal wavelength are
    compared one by one, for amplitudes fall with frequency.

    References
    ----------
    After Milovic et al., Magn Reson Med 85:480 (2021), who compare the spectrum by the kernel's
    size.
    """
    shape = tuple(fast_size(n) for n in chi.shape)
    k = frequencies(shape, voxel_size)
    k2 = k[0] ** 2 + k[1] ** 2 + k[2] ** 2
    along = sum(b * one for b, one in zip(b0_dir, k, strict=True))
    kernel = np.abs(1 / 3 - along**2 / np.where(k2 == 0, np.inf, k2))
    inside = demean(chi, mask).astype(np.float32)
    power = np.abs(sf.rfftn(inside, shape)) ** 2
    # what no wavelength of the bands has need not be looked through again and again
    known = k2 < min(1 / (2 * edge) for edge in voxel_size) ** 2
    spectrum = k2[known], kernel[known], power[known]
    return [_near_cone(*spectrum, band) for band in bands]


def _near_cone(
    k2: _Samples, kernel: _Samples, power: _Samples, band: tuple[float, float]
) -> float | None:
    """Return the amplitude near the cone over that elsewhere, of a spectrum's samples."""
    edges = np.geomspace(1 / band[1], 1 / band[0], _SHELLS + 1) ** 2
    ratios = []
    for low, high in pairwise(edges):
        shell = (k2 >= low) & (k2 < high)
        near, far = power[shell & (kernel < _NEAR)], power[shell & (kernel > _FAR)]
        if near.size > 10 and far.size > 10 and far.any():
            ratios.append(near.mean() / far.mean())
    return float(np.sqrt(np.median(ratios))) if ratios else None
