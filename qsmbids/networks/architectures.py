"""The networks that a weights file can hold, by the name that stands in its card.

The table imports none of them: torch takes seconds, and the command line reads the names alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Architecture:
    """One kind of network.

    Parameters
    ----------
    target : str
        Its class, as ``"package.module:Class"``.
    purpose : {"inversion", "uncertainty", "brain mask"}
        What it computes.
    """

    target: str
    purpose: str

    def load(self) -> Any:
        """Import and return the class, a `qsmbids.networks.base.Network`."""
        module, name = self.target.split(":")
        return getattr(import_module(module), name)


ARCHITECTURES = {
    "direct": Architecture("qsmbids.networks.direct:DirectNet", "inversion"),
    "consistent": Architecture("qsmbids.networks.unrolled:UnrolledNet", "inversion"),
    "spread": Architecture("qsmbids.networks.uncertainty_net:UncertaintyNet", "uncertainty"),
    "brainmask": Architecture("qsmbids.networks.brainmask_net:BrainMaskNet", "brain mask"),
}


def names(purpose: str) -> tuple[str, ...]:
    """Return the names of the architectures of one purpose."""
    return tuple(name for name, kind in ARCHITECTURES.items() if kind.purpose == purpose)


def name_of(network: type) -> str:
    """Return the name of a class; empty where a weights file cannot hold it."""
    target = f"{network.__module__}:{network.__qualname__}"
    return next((name for name, kind in ARCHITECTURES.items() if kind.target == target), "")
