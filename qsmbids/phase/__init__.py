"""From stored phase values to the total field, its noise, its sign and the signal's decay."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from qsmbids.phase.methods import FITS, UNWRAPPING

if TYPE_CHECKING:
    from qsmbids.phase.field import FieldEstimate, estimate_field
    from qsmbids.phase.pair import check_pair
    from qsmbids.phase.relaxometry import Decay, fit_decay
    from qsmbids.phase.rescale import Rescaled, from_real_imaginary, to_radians
    from qsmbids.phase.sign import SignGuess, detect_sign
    from qsmbids.phase.slices import alternating_axis, mend_alternation
    from qsmbids.phase.unwrapping import unwrap

__all__ = [
    "FITS",
    "UNWRAPPING",
    "Decay",
    "FieldEstimate",
    "Rescaled",
    "SignGuess",
    "alternating_axis",
    "check_pair",
    "detect_sign",
    "estimate_field",
    "fit_decay",
    "from_real_imaginary",
    "mend_alternation",
    "to_radians",
    "unwrap",
]

_HOME = {
    "field": ("FieldEstimate", "estimate_field"),
    "pair": ("check_pair",),
    "relaxometry": ("Decay", "fit_decay"),
    "rescale": ("Rescaled", "from_real_imaginary", "to_radians"),
    "sign": ("SignGuess", "detect_sign"),
    "slices": ("alternating_axis", "mend_alternation"),
    "unwrapping": ("unwrap",),
}


def __getattr__(name: str) -> Any:
    # The command line reads the registries for its choices; it need not pay for SciPy.
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
