"""From stored phase values to the total field, its noise, its sign and the signal's decay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qsmbids.lazy import lazily
from qsmbids.phase.phase_methods import FITS, UNWRAPPING

if TYPE_CHECKING:
    from qsmbids.phase.alternation import alternating_axis, mend_alternation
    from qsmbids.phase.field_sign import SignGuess, detect_sign
    from qsmbids.phase.image_types import check_pair
    from qsmbids.phase.relaxometry import Decay, fit_decay
    from qsmbids.phase.rescale import Rescaled, from_real_imaginary, to_radians
    from qsmbids.phase.total_field import FieldEstimate, estimate_field
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
        "FieldEstimate estimate_field": "total_field",
        "check_pair": "image_types",
        "Decay fit_decay": "relaxometry",
        "Rescaled from_real_imaginary to_radians": "rescale",
        "SignGuess detect_sign": "field_sign",
        "alternating_axis mend_alternation": "alternation",
        "unwrap": "unwrapping",
    },
)
