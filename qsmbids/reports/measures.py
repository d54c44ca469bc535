"""Numbers that answer whether a map is right, each with what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qsmbids.bids.volume import Image
from qsmbids.physics import DipoleConvolution
from qsmbids.reports.view import Mask

BRAIN_ML = (900.0, 2000.0)
KEPT_PERCENT = (60.0, 100.0)
LOW_PPM = (-0.30, -0.02)
HIGH_PPM = (0.03, 0.40)
SD_PPM = (0.015, 0.10)
RESIDUAL_PERCENT = (0.0, 60.0)
ASYMMETRY = (0.0, 1.0)
PHASE_RESIDUAL_RAD = (0.0, 0.5)


@dataclass(frozen=True)
class Check:
    """One number, the range it is expected in, and what to do when it lies outside.

    Attributes
    ----------
    name, unit, advice : str
    value : float
    expected : (float, float)
        Both ends belong to the range.
    """

    name: str
    value: float
    unit: str
    expected: tuple[float, float]
    advice: str

    @property
    def good(self) -> bool:
        """Whether the value lies in the expected range."""
        return bool(self.expected[0] <= self.value <= self.expected[1])


def volume_checks(masks: Mapping[str, Mask], voxel_ml: float) -> list[Check]:
    """Return the checks of the volumes of the masks ``brain`` and ``eroded``.

    ``voxel_ml`` is the volume of a voxel in ml.
    """
    volume = {name: float(np.count_nonzero(mask)) * voxel_ml for name, mask in masks.items()}
    checks = []
    if "brain" in volume:
        advice = "Look at the mask's outline. A slab, a crop or a child's head may be smaller."
        checks.append(Check("Brain mask", volume["brain"], "ml", BRAIN_ML, advice))
    if "eroded" in volume and volume.get("brain"):
        kept = 100 * volume["eroded"] / volume["brain"]
        advice = (
            f"{volume['eroded']:.0f} ml are left. Much of the brain is lost at the rim: look at "
            "the phase there, or use a smaller kernel for the background field."
        )
        checks.append(Check("Kept by the eroded mask", kept, "%", KEPT_PERCENT, advice))
    return checks


def map_checks(chi: Image) -> list[Check]:
    """Return the checks of a map's values; ``chi`` holds those inside the mask, in ppm."""
    low, tail_low, median, tail_high, high = np.percentile(chi, (1, 0.2, 50, 99.8, 99))
    spread = max(tail_high - tail_low, np.finfo(np.float32).tiny)
    return [
        Check(
            "1st percentile",
            low,
            "ppm",
            LOW_PPM,
            "Expect white matter and calcium here; "
            "a far lower value means streaks or noise, a higher one an over-smooth map.",
        ),
        Check(
            "99th percentile",
            high,
            "ppm",
            HIGH_PPM,
            "Expect veins and deep grey matter here; "
            "a far higher value means streaks or noise, a lower one an over-smooth map.",
        ),
        Check(
            "Standard deviation",
            float(chi.std(dtype=np.float64)),
            "ppm",
            SD_PPM,
            "Above: noise, streaks or a wrong scale. Below: over-smooth, or a wrong scale.",
        ),
        Check(
            "Asymmetry of the extremes",
            (tail_high + tail_low - 2 * median) / spread,
            "",
            ASYMMETRY,
            "Veins and iron are paramagnetic, so the bright side should reach further "
            "than the dark side. If they look dark in the map, the phase has the other sign: "
            "set it by hand.",
        ),
    ]


def residual_check(percent: float) -> Check:
    """Return the check of what the map leaves unexplained of the local field."""
    return Check(
        "Local field left unexplained",
        percent,
        "%",
        RESIDUAL_PERCENT,
        "The map does not make the field it came from: too much regularisation, strong noise, or "
        "another B0 direction or voxel size.",
    )


def phase_residual_checks(residuals: Iterable[float]) -> list[Check]:
    """Return the checks of the phase fit's residuals in radians."""
    return [
        Check(
            "Residual of the phase fit",
            value,
            "rad",
            PHASE_RESIDUAL_RAD,
            "The phase does not "
            "grow evenly with echo time: look for wraps, motion or a wrong echo time.",
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

    def residual(self, chi: Image) -> float:
        """Return the relative residual in percent of the map ``chi`` (x, y, z) in ppm."""
        left = self._field - self._convolve(np.where(self._mask, chi, 0))[self._mask]
        left -= self._constant * (left @ self._constant / (self._constant @ self._constant))
        return float(100 * np.linalg.norm(left) / np.linalg.norm(self._field))
