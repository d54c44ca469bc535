"""The options of every fit of a network to one field; imports nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FitOptions:
    """How to fit a network to one field; methods have defaults of their own.

    Parameters
    ----------
    iterations : int
        At most; fewer where the held-out error stops falling.
    total_variation : float
        Weight of total variation beside the data term.
    learning_rate : float
        Of Adam.
    held_out : float
        Share of the mask's voxels, above 0 and at most 0.5, whose field the data term does not
        see: their error decides when to stop.
    patience : int
        Iterations without a smaller held-out error after which the fit stops.
    seed : int
        Of the held-out voxels and, where there are any, of random weights, input and patches.
    consistency : float
        The c of `qsmbids.physics.torch_dipole.data_consistency`, which at the end brings the map
        of a network that does not do so itself into agreement with the field; 0 for none.
    gain : float
        Share, at least 0 and below 1, by which the held-out error must fall; otherwise the network
        stays as it came. A smaller fall says nothing of the map: the error in the field falls at
        first even where the susceptibility becomes worse.

    A value out of its range raises ``ValueError``.
    """

    iterations: int = 20
    total_variation: float = 0.06
    learning_rate: float = 2e-4
    held_out: float = 0.05
    patience: int = 5
    seed: int = 0
    consistency: float = 0.1
    gain: float = 0.04

    def __post_init__(self) -> None:
        if not 0 < self.held_out <= 0.5:
            raise ValueError(
                f"the held-out share must be above 0 and at most 0.5, not {self.held_out}"
            )
        if min(self.iterations, self.patience) < 1 or self.learning_rate <= 0:
            raise ValueError("fine-tuning needs positive iterations, patience and learning_rate")
        if min(self.total_variation, self.consistency) < 0:
            raise ValueError("total_variation and consistency must not be negative")
        if self.seed < 0:
            raise ValueError(f"the seed must not be negative, not {self.seed}")
        if not 0 <= self.gain < 1:
            raise ValueError(f"the gain must be at least 0 and below 1, not {self.gain}")
