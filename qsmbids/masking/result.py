"""What a method of brain extraction returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qsmbids.errors import InputError


class ExtractionError(InputError):
    """The brain cannot be told from its surroundings in this image."""


@dataclass(frozen=True)
class Extraction:
    """Where a method sees the brain.

    Attributes
    ----------
    distance : (x, y, z) float32 array
        Signed distance to the brain's surface in mm, negative inside.
    agreement : float
        Dice coefficient of what it sees in the image and in its mirror image; 1 if it was not
        asked.
    details : mapping
        For the sidecar.
    """

    distance: NDArray[np.float32]
    agreement: float = 1.0
    details: Mapping[str, Any] = field(default_factory=dict)
