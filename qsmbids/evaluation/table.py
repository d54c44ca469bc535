"""What is measured of a map against its reference, in the order of a table's columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One measure of agreement.

    Attributes
    ----------
    label : str
        The name to show to people.
    unit : str
        Empty for a plain number.
    better : {"lower", "higher"}
        Which of two values is the better one.
    """

    label: str
    unit: str
    better: Literal["lower", "higher"]


METRICS: dict[str, Metric] = {
    "psnr": Metric("PSNR", "dB", "higher"),
    "nrmse": Metric("NRMSE", "%", "lower"),
    "hfen": Metric("HFEN", "%", "lower"),
    "ssim": Metric("SSIM", "", "higher"),
    "xsim": Metric("XSIM", "", "higher"),
    "dnrmse": Metric("Detrended NRMSE", "%", "lower"),
    "dnrmse_tissue": Metric("Detrended NRMSE, tissue", "%", "lower"),
    "dnrmse_blood": Metric("Detrended NRMSE, blood", "%", "lower"),
    "dnrmse_deep_grey": Metric("Detrended NRMSE, deep grey", "%", "lower"),
    "deviation_from_linear_slope": Metric("Deviation from linear slope", "", "lower"),
    "calcification_streak": Metric("Calcification streak", "", "lower"),
    "calcification_moment": Metric("Deviation from calcification moment", "ppm voxels", "lower"),
    "coverage": Metric("Coverage of the mask", "", "higher"),
}

RESOURCES: dict[str, Metric] = {
    "seconds": Metric("Run time", "s", "lower"),
    "peak_memory_mb": Metric("Peak memory", "MB", "lower"),
}
"""What a method needed to make a map."""
