"""Masks: the brain, where there is signal, and where the field can be trusted."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from qsmbids.masking.methods import METHODS

if TYPE_CHECKING:
    from qsmbids.masking.brain import BrainMask, brain_mask
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

_HOME = {
    "brain": ("BrainMask", "brain_mask"),
    "morphology": ("erode",),
    "reliability": ("Reliability", "reliability_mask"),
    "signal": ("signal_mask",),
}


def __getattr__(name: str) -> Any:
    # The command line reads the registry for its choices; it need not pay for SciPy.
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"qsmbids.masking.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
