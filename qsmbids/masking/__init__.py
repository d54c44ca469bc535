"""Masks: the brain, where there is signal, and where the field can be trusted."""

from __future__ import annotations

from qsmbids.masking.brain import METHODS, BrainMask, brain_mask
from qsmbids.masking.morphology import erode
from qsmbids.masking.reliability import Reliability, reliability_mask
from qsmbids.masking.signal import signal_mask

__all__ = [
    "METHODS",
    "BrainMask",
    "Reliability",
    "brain_mask",
    "erode",
    "reliability_mask",
    "signal_mask",
]
