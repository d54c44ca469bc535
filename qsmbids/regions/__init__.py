"""Regions of the brain: segmentations and atlases, what maps hold in them, published ranges."""

from qsmbids.regions.parcellation import Parcellation
from qsmbids.regions.statistics import RegionValues, measure_regions

__all__ = ["Parcellation", "RegionValues", "measure_regions"]
