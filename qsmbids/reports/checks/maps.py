"""Numbers of a map that answer whether it is right."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from math import inf

import numpy as np

from qsmbids.array_types import Mask
from qsmbids.bids.volume import Image
from qsmbids.phase.signal_noise import noise_from_magnitude
from qsmbids.physics import DipoleConvolution
from qsmbids.reports.checks.check import Check

KEPT_PERCENT = (60.0, 100.0)
LOW_PPM = (-0.30, -0.02)
HIGH_PPM = (0.03, 0.40)
SD_PPM = (0.015, 0.10)
RESIDUAL_PERCENT = 60.0  # where there is no noise
ASYMMETRY = (0.0, 1.0)
PHASE_RESIDUAL_RAD = (0.0, 0.5)
IRON = (1.05, inf)

_STRONG = "streaks, noise, or a scale that is too large (echo times, field strength)"
_WEAK = "an over-smooth map, filtered phase, or a scale that is too small"


def kept_check(brain: float, eroded: float) -> Check:
    """Return the check of how much of the brain mask (ml) the eroded mask (ml) keeps."""
    return Check(
        "Kept by the eroded mask",
        100 * eroded / brain,
        "%",
        KEPT_PERCENT,
        f"{eroded:.0f} ml are left. Much of the brain is lost at the rim: look at the phase there, "
        "or use a smaller kernel for the background field.",
        "The eroded mask is larger than the brain's: they are of different runs. Run again.",
    )


def map_checks(chi: Image) -> list[Check]:
    """Return the checks of a map's values; ``chi`` holds those inside the mask, in ppm."""
    low, tail_low, median, tail_high, high = np.percentile(chi, (1, 0.2, 50, 99.8, 99))
    spread = max(tail_high - tail_low, np.finfo(np.float32).tiny)
    return [
        Check(
            "1st percentile",
            float(low),
            "ppm",
            LOW_PPM,
            f"White matter and calcium stand here; so low a value means {_STRONG}.",
            f"White matter and calcium stand here; so high a value means {_WEAK}.",
        ),
        Check(
            "99th percentile",
            float(high),
            "ppm",
            HIGH_PPM,
            f"Veins and deep grey matter stand here; so low a value means {_WEAK}.",
            f"Veins and deep grey matter stand here; so high a value means {_STRONG}.",
        ),
        Check(
            "Standard deviation",
            float(chi.std(dtype=np.float64)),
            "ppm",
            SD_PPM,
            f"So little contrast means {_WEAK}.",
            f"So much contrast means {_STRONG}.",
        ),
        Check(
            "Asymmetry of the extremes",
            float((tail_high + tail_low - 2 * median) / spread),
            "",
            ASYMMETRY,
            "Veins and iron are paramagnetic, so the bright side should reach further than the "
            "dark side. If they look dark in the map, the phase has the other sign: set it with "
            "--phase-sign.",
        ),
    ]


def iron_check(chi: Image, r2star: Image) -> Check | None:
    """Return the check that signal decays faster where susceptibility is highest.

    Both hold the values inside the mask, in ppm and 1/s. Iron and veins raise both.
    """
    inside = r2star > 0
    if np.count_nonzero(inside) < 1000:
        return None
    bright = inside & (chi > np.percentile(chi[inside], 98))
    ratio = float(np.median(r2star[bright]) / np.median(r2star[inside]))
    return Check(
        "R2* in the brightest 2 % over the median",
        ratio,
        "",
        IRON,
        "Where the map is brightest the signal should decay faster, by iron and veins. It does "
        "not: the phase is not that of this magnitude, has the wrong sign, or is noise.",
    )


def residual_check(percent: float, noise: float = 0.0) -> Check:
    """Return the check of what the map leaves unexplained of the local field.

    ``noise`` is the share of the field that is noise, in percent: no map explains that.
    """
    return Check(
        "Local field left unexplained",
        percent,
        "%",
        (0.0, math.hypot(RESIDUAL_PERCENT, noise)),
        above="The map does not make the field it came from: too much regularisation, strong "
        "noise, or another B0 direction or voxel size.",
    )


def phase_residual_checks(residuals: Iterable[float]) -> list[Check]:
    """Return the checks of the phase fit's residuals in radians."""
    return [
        Check(
            "Residual of the phase fit",
            value,
            "rad",
            PHASE_RESIDUAL_RAD,
            above="The phase does not grow evenly with echo time: look for wraps, motion or a "
            "wrong echo time.",
        )
        for value in residuals
    ]


class ForwardModel:
    r"""What a map leaves of the local field: :math:`\|D\chi - f\| / \|f\|` inside the mask.

    The field does not determine the mean of the map, so the constant over the mask that fits
    best is taken out of the difference first.

    Parameters
    ----------
    field : (x, y, z) array
        Local field in ppm.
    mask : (x, y, z) bool array
    voxel_size, b0_dir : (3,) sequence of float
        Of the grid on which field and mask lie.

    Attributes
    ----------
    noise : float
        Percent of the field that neighbouring voxels do not share.

    Raises
    ------
    ValueError
        If the field is zero everywhere in the mask.
    """

    def __init__(
        self,
        field: Image,
        mask: Mask,
        voxel_size: Sequence[float],
        b0_dir: Sequence[float],
    ):
        self._convolve = DipoleConvolution(field.shape, voxel_size, b0_dir)
        self._mask = mask
        self._field = field[mask]
        if not self._field.any():
            raise ValueError("the local field is zero in the mask")
        self._constant = self._convolve(mask)[mask]
        size = float(np.sqrt(np.mean(self._field**2, dtype=np.float64)))
        self.noise = 100 * noise_from_magnitude(field, mask) / size

    def residual(self, chi: Image) -> float:
        """Return the relative residual in percent of the map ``chi`` (x, y, z) in ppm."""
        return self.share(self.left(chi))

    def share(self, left: Image) -> float:
        """Return how much of the field `left` is, in percent."""
        return float(100 * np.linalg.norm(left[self._mask]) / np.linalg.norm(self._field))

    def left(self, chi: Image) -> Image:
        """Return what the map leaves of the field in ppm, (x, y, z), zero outside the mask."""
        left = self._field - self._convolve(np.where(self._mask, chi, 0))[self._mask]
        fitted = left @ self._constant / (self._constant @ self._constant)
        image = np.zeros(self._mask.shape, np.float32)
        image[self._mask] = left - self._constant * fitted
        return image
