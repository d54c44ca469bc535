"""Masks: the brain, where there is signal, and where the field can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qsmbids.lazy import lazily
from qsmbids.masking.masking_methods import METHODS

if TYPE_CHECKING:
    from qsmbids.masking.extraction import BrainMask, brain_mask
    from qsmbids.masking.reliability import Reliability, reliability_mask
    from qsmbids.masking.threshold import signal_mask

__all__ = [
    "METHODS",
    "BrainMask",
    "Reliability",
    "brain_mask",
    "reliability_mask",
    "signal_mask",
]

__getattr__ = lazily(
    __name__,
    {
        "BrainMask brain_mask": "extraction",
        "Reliability reliability_mask": "reliability",
        "signal_mask": "threshold",
    },
)
