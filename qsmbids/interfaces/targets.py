"""Where the images of a series go; nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from qsmbids.bids import Series, derivative_path


class Target(NamedTuple):
    """Where an image goes: its BIDS suffix, ``desc`` and folder."""

    suffix: str
    desc: str | None = None
    datatype: str = "anat"

    @property
    def kind(self) -> str:
        """What the sidecar calls it."""
        named = self.desc if self.suffix in ("mask", "fieldmap") else None
        return f"{named}_{self.suffix}" if named else self.suffix

    def path(self, output_dir: Path, series: Series) -> Path:
        """Return the path of the image made from ``series``."""
        return derivative_path(
            output_dir, series, self.suffix, desc=self.desc, datatype=self.datatype
        )


TARGETS = {
    "brain": Target("mask", "brain"),
    "eroded": Target("mask", "eroded"),
    "reliable": Target("mask", "reliable"),
    "total": Target("fieldmap", "total", "fmap"),
    "local": Target("fieldmap", "local", "fmap"),
    "magnitude": Target("magnitude", None, "fmap"),
    "r2star": Target("R2starmap"),
    "t2star": Target("T2starmap"),
    "s0": Target("S0map"),
}


def chimap(method: str) -> Target:
    """Return where the susceptibility map of an inversion goes."""
    return Target("Chimap", method)
