"""What an inversion gives besides the map: its uncertainty, its course, its provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from qsmbids.inference.fine_tuning import FitResult

Float = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A susceptibility map with its evidence.

    Attributes
    ----------
    chi : (x, y, z) float32 array
        Susceptibility in ppm.
    uncertainty : (x, y, z) float32 array or None
        Half-width in ppm of the interval that holds the true value with 68 %.
    curves : mapping of str to sequence of float
        What an iterative fit has minimised and watched, one value an iteration.
    details : mapping
        Plain values for the sidecar: ``Weights``, ``Fit``, ``Device``.
    warnings : tuple of str
        Sentences for the report.
    """

    chi: Float
    uncertainty: Float | None = None
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def fitted(tuned: FitResult, details: Mapping[str, Any]) -> Reconstruction:
    """Return what a fit of a network to one field has given, and which iteration was kept."""
    chi: Float = tuned.chi[0, 0].cpu().numpy()
    course = {
        "Iterations": len(tuned.loss) - 1,
        "KeptIteration": tuned.best,
        "HeldOutErrorAtFirst": tuned.held_out[0],
        "HeldOutErrorKept": tuned.held_out[tuned.best],
    }
    return Reconstruction(
        chi,
        curves={"loss": tuned.loss, "held-out error": tuned.held_out},
        details={**details, "Fit": course},
    )
