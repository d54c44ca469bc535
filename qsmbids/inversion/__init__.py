"""From the local field to susceptibility: every method by one name and with one signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qsmbids.inversion.inversion_methods import COMBINATIONS, DEFAULT, METHODS
from qsmbids.lazy import lazily

if TYPE_CHECKING:
    from qsmbids.inversion.reconstruction import Reconstruction, invert, reconstruct

__all__ = ["COMBINATIONS", "DEFAULT", "METHODS", "Reconstruction", "invert", "reconstruct"]

__getattr__ = lazily(__name__, {"Reconstruction invert reconstruct": "reconstruction"})
