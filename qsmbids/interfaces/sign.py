"""The sign of a measured field, told or taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Sign(NamedTuple):
    """What to multiply a field by, how that is known, and a warning where it is a guess."""

    factor: np.float32
    how: str
    doubts: list[str]


def tell_sign(
    field: NDArray[Any],
    magnitude: NDArray[Any] | None,
    weight: NDArray[Any],
    grid: Mapping[str, Any],
    asked: str,
) -> Sign:
    """Return the sign that the user has set, or the one that the head's shape tells.

    Parameters
    ----------
    field : (x, y, z) array
        In ppm, as measured.
    magnitude : (x, y, z) array or None
        Of the whole head; without one nothing can be told.
    weight : (x, y, z) array
        Confidence in the field, 0 to 1.
    grid : mapping
        With the voxel size and the direction of B0.
    asked : str
        ``auto``, ``positive`` or ``negative``.
    """
    if asked != "auto":
        return Sign(np.float32(1 if asked == "positive" else -1), f"{asked} (set)", [])
    if magnitude is not None:
        from qsmbids.masking import signal_mask
        from qsmbids.phase import detect_sign

        guess = detect_sign(
            field,
            signal_mask(magnitude),
            voxel_size=grid["voxel_size"],
            b0_dir=grid["b0_dir"],
            weight=weight,
        )
        if guess.certain:
            name = "positive" if guess.sign > 0 else "negative"
            how = f"{name} (detected, correlation {guess.correlation:+.2f})"
            return Sign(np.float32(guess.sign), how, [])
    return Sign(
        np.float32(1),
        "positive (assumed)",
        [
            "The sign of the phase cannot be told from the image; it is taken to be positive. "
            "If veins and iron come out dark, run again with --phase-sign negative."
        ],
    )
