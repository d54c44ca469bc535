"""The arrays that pass between the parts of the package, by the type of their values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Double = NDArray[np.float64]
Complex = NDArray[np.complex64]
Bool = NDArray[np.bool_]
Mask = Bool
"""Where something is inside."""
