"""What one evaluation was asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class EvaluationJob:
    """What one evaluation was asked to do.

    Attributes
    ----------
    bids_dir, output_dir : Path
        The dataset; the output folder, whose maps are measured.
    maps : mapping of str to Path
        Further derivatives with maps to measure, by name.
    reference : Path or None
        The folder that holds the references; None: look for them.
    reference_desc : str or None
        The ``desc`` label of the references; None: any that tells a reference.
    methods : tuple of str
        Methods to compare; all by default.
    regions : Path or None
        The folder that holds label images; None: that of the references.
    participants, sessions : tuple of str
        Labels; all by default.
    """

    bids_dir: Path
    output_dir: Path
    maps: Mapping[str, Path] = field(default_factory=dict)
    reference: Path | None = None
    reference_desc: str | None = None
    methods: tuple[str, ...] = ()
    regions: Path | None = None
    participants: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where the results go."""
        return self.output_dir / "evaluation"
