"""What is to be processed: one gradient-echo series, and the inventory of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as member
from pathlib import Path
from typing import Any

from qsmbids.errors import readable


@dataclass(frozen=True)
class Series:
    """One gradient-echo series, with all that the chain needs to know about it.

    Parameters
    ----------
    participant, session : str
        Labels without ``sub-`` and ``ses-``; ``session`` may be None.
    entities : mapping of str to str
        The entities of the outputs' names in BIDS order, with the input's padding
        (``{"sub": "01", "ses": "a", "run": "01"}``).
    start : str
        ``raw``, ``total-field``, ``local-field`` or ``orientations``.
    magnitude, phase, real, imaginary : tuple of Path
        One file an echo, in the order of echo time, or one file of all. Either magnitude and
        phase are given, or real and imaginary; after another start than ``raw`` only magnitude
        may be given.
    volumes : tuple of int
        Where one file holds all echoes: which of its volumes each is.
    echo_times : tuple of float
        In seconds, growing.
    difference : bool
        Whether ``phase`` is one image, of the phase that grows between two echoes at
        ``echo_times``; ``magnitude`` then is that of both, or one for both.
    field_strength : float or None
        In tesla.
    phase_units, manufacturer : str or None
        ``Units`` and ``Manufacturer`` of the phase's sidecar. A difference may be in ``Hz`` or
        ``rad/s``, divided by the time between its echoes.
    acquisition : mapping
        How it was measured, see `qsmbids.bids.acquisition`.
    field : Path or None
        The field to start from.
    field_units : str or None
        ``Hz``, ``rad/s`` or ``ppm``.
    from_scanner : bool
        Whether the field is a scanner's, which may have either sign or be wrapped.
    b0_dir : (3,) tuple of float or None
        B0 along the voxel axes of the field, where its sidecar states another direction than
        its affine: the head was brought onto another position's grid.
    mask : Path or None
        A mask from a derivatives dataset.
    mask_source : str or None
        The name of that dataset, and rather than which other masks it was taken.
    reference : Path or None
        A susceptibility map made elsewhere, to learn from and to compare with.
    segmentation : Path or None
        Labels of the participant's brain regions from a derivatives dataset, on any grid.
    orientations : tuple of Series
        The series of several head orientations that are made into one map; empty for a series
        of its own. ``start`` then is ``orientations``.
    sources : tuple of str
        BIDS URIs of all input images, ``bids:raw:sub-01/anat/...``.
    warnings : tuple of str
        Sentences about the input for the report.
    """

    participant: str
    session: str | None
    entities: Mapping[str, str]
    start: str
    magnitude: tuple[Path, ...] = ()
    phase: tuple[Path, ...] = ()
    real: tuple[Path, ...] = ()
    imaginary: tuple[Path, ...] = ()
    volumes: tuple[int, ...] = ()
    echo_times: tuple[float, ...] = ()
    difference: bool = False
    field_strength: float | None = None
    phase_units: str | None = None
    manufacturer: str | None = None
    acquisition: Mapping[str, Any] = member(default_factory=dict)
    field: Path | None = None
    field_units: str | None = None
    from_scanner: bool = False
    b0_dir: tuple[float, float, float] | None = None
    mask: Path | None = None
    mask_source: str | None = None
    reference: Path | None = None
    segmentation: Path | None = None
    orientations: tuple[Series, ...] = ()
    sources: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The stem of all output names: ``sub-01_ses-a_acq-x_run-1``."""
        return "_".join(f"{name}-{value}" for name, value in self.entities.items())

    @property
    def shows_decay(self) -> bool:
        """Whether there are magnitudes of several echoes to measure R2* by."""
        magnitudes = len(self.volumes or self.magnitude or self.real)
        return magnitudes > 1 and len(self.echo_times) > 1

    @property
    def images(self) -> tuple[Path, ...]:
        """All input images."""
        others = (self.field, self.mask, self.reference, self.segmentation)
        single = tuple(path for path in others if path is not None)
        own = self.magnitude + self.phase + self.real + self.imaginary + single
        return sum((one.images for one in self.orientations), own)


@dataclass(frozen=True)
class Skipped:
    """A series, or a participant, that is not processed.

    ``reason`` is one sentence for the user; ``error`` tells bad input (exit code 1) from data
    that is simply none for susceptibility mapping.
    """

    key: str
    participant: str
    reason: str
    error: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", readable(self.reason))


@dataclass(frozen=True)
class Inventory:
    """What a run finds: the series to process, those skipped, and the participants wanted."""

    series: tuple[Series, ...]
    skipped: tuple[Skipped, ...]
    participants: tuple[str, ...]
