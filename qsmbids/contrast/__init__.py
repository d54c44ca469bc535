"""What is made of the maps for the eye and for tissue: weighted images, and signs told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qsmbids.contrast.contrast_methods import SEPARATION, WEIGHTING
from qsmbids.lazy import lazily

if TYPE_CHECKING:
    from qsmbids.contrast.separation import Parts
    from qsmbids.contrast.swi import Weighted

__all__ = ["SEPARATION", "WEIGHTING", "Parts", "Weighted"]

__getattr__ = lazily(__name__, {"Parts": "separation", "Weighted": "swi"})
