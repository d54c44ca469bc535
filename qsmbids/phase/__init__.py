"""From stored phase values to the total field, its noise, its sign and the signal's decay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qsmbids.phase.phase_methods import FITS, UNWRAPPING
from qsmbids.registry import lazily

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

__getattr__ = lazily(
    __name__,
    {
        "FieldEstimate estimate_field": "field",
        "check_pair": "pair",
        "Decay fit_decay": "relaxometry",
        "Rescaled from_real_imaginary to_radians": "rescale",
        "SignGuess detect_sign": "sign",
        "alternating_axis mend_alternation": "slices",
        "unwrap": "unwrapping",
    },
)
