"""One image of a DICOM study, as dcm2niix tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Image:
    """One image that dcm2niix makes of the DICOM files: one echo of one part of a series.

    Attributes
    ----------
    stem : str
        dcm2niix's name of it, without extension.
    header : mapping
        dcm2niix's sidecar with everything that identifies a person: never written anywhere.
    numbers : tuple of str
        What dcm2niix calls the series, to choose it.
    """

    stem: str
    header: Mapping[str, Any]
    numbers: tuple[str, ...] = field(default=(), repr=False)

    @property
    def uid(self) -> str:
        """The series' unique identifier."""
        return self.stem.partition("_")[0]

    @property
    def series(self) -> int:
        """The series' number; 0 where there is none."""
        return int(self.header.get("SeriesNumber") or 0)

    @property
    def marks(self) -> frozenset[str]:
        """What dcm2niix appended to the name, such as ``ph`` for a phase image."""
        return frozenset(self.stem.split("_")[3:])

    @property
    def echo_time(self) -> float | None:
        """In seconds."""
        value = self.header.get("EchoTime")
        return float(value) if isinstance(value, (int, float)) and value > 0 else None

    @property
    def date(self) -> str:
        """The day of acquisition as YYYY-MM-DD; empty where the header has none."""
        return str(self.header.get("AcquisitionDateTime") or "")[:10]

    def text(self, name: str) -> str:
        """Return a text of the header without blanks around it; empty where there is none."""
        return str(self.header.get(name) or "").strip()
