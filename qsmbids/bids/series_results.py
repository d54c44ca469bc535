"""What stands in an output folder of one series: images, their sidecars and what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qsmbids.files import load_json

ROLES: dict[tuple[str, str], str] = {
    ("", "magnitude"): "magnitude",
    ("brain", "mask"): "brain",
    ("eroded", "mask"): "eroded",
    ("reliable", "mask"): "reliable",
    ("total", "fieldmap"): "total",
    ("local", "fieldmap"): "local",
    ("registration", "T2starw"): "registration",
    ("swi", "T2starw"): "swi",
    ("swiMinIP", "T2starw"): "minimum",
    ("", "R2starmap"): "r2star",
    ("", "T2starmap"): "t2star",
    ("", "S0map"): "s0",
}
"""(desc, suffix) of a derivative and the part that it plays in a report."""

MASK_DOUBT = "The brain mask is doubtful"
_BESIDE = ("Uncertainty", "Before", "Paramagnetic", "Diamagnetic")
"""What follows the method in the ``desc`` of an image that belongs to its map."""


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object; empty if the file is absent, damaged or holds something else."""
    try:
        content = load_json(path)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@dataclass(frozen=True)
class Derivative:
    """One image of the output folder and its sidecar."""

    path: Path

    @property
    def sidecar(self) -> dict[str, Any]:
        """The sidecar's content; empty if there is none that can be read."""
        stem = self.path.name.removesuffix(".gz").removesuffix(".nii")
        return read_json(self.path.with_name(f"{stem}.json"))

    @property
    def provenance(self) -> dict[str, Any]:
        """The sidecar's ``Qsmbids`` block."""
        block = self.sidecar.get("Qsmbids")
        return dict(block) if isinstance(block, Mapping) else {}


@dataclass
class SeriesResults:
    """The derivatives of one gradient-echo series.

    Attributes
    ----------
    key : str
        The entities that its files share, such as ``sub-01_ses-a_run-1``.
    images : dict
        Derivatives by the part they play, see ``ROLES``.
    chimaps : dict
        Susceptibility maps by ``desc``.
    uncertainties, paramagnetic, diamagnetic : dict
        Maps of their uncertainty and of their parts, by the ``desc`` of the susceptibility map.
    before : dict
        Maps of a network from before it was fitted to the field, by the same ``desc``.
    pictures : dict
        What the run has drawn of the echoes: paths by name, see ``PICTURES``.
    curves : dict
        The course of the fit that made a map, by its ``desc``: values of each iteration by name.
    measured : dict
        What the run measured for the checks, see `qsmbids.reports.checks.measure`.
    """

    key: str
    images: dict[str, Derivative] = field(default_factory=dict)
    chimaps: dict[str, Derivative] = field(default_factory=dict)
    uncertainties: dict[str, Derivative] = field(default_factory=dict)
    paramagnetic: dict[str, Derivative] = field(default_factory=dict)
    diamagnetic: dict[str, Derivative] = field(default_factory=dict)
    before: dict[str, Derivative] = field(default_factory=dict)
    pictures: dict[str, Path] = field(default_factory=dict)
    curves: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    measured: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def mask_doubts(self) -> list[str]:
        """What was said of the brain mask when it was made."""
        told = self.images["brain"].provenance.get("Warnings") if "brain" in self.images else None
        texts = told if isinstance(told, list) else []
        return [str(text) for text in texts if str(text).startswith(MASK_DOUBT)]

    @property
    def all_images(self) -> list[Derivative]:
        """All derivatives of the series."""
        beside = (self.uncertainties, self.before, self.paramagnetic, self.diamagnetic)
        maps = [one for images in (self.chimaps, *beside) for one in images.values()]
        return [*maps, *self.images.values()]

    @property
    def with_stages(self) -> list[Derivative]:
        """The derivatives whose sidecars together tell of every stage, in the order of the run."""
        made = (self.images, self.chimaps, self.paramagnetic)
        return [one for images in made for one in images.values()]

    def add(self, desc: str, suffix: str, image: Derivative) -> None:
        """Put an image where its name says that it belongs."""
        if suffix != "Chimap":
            self.images[ROLES[desc, suffix]] = image
            return
        kind = next((end for end in _BESIDE if desc.endswith(end)), "")
        homes = {
            "Uncertainty": self.uncertainties,
            "Before": self.before,
            "Paramagnetic": self.paramagnetic,
            "Diamagnetic": self.diamagnetic,
        }
        homes.get(kind, self.chimaps)[desc.removesuffix(kind) or "chi"] = image

    def method(self, desc: str) -> str:
        """Return the name of the method that made a map, as the command line takes it."""
        made = self.chimaps.get(desc)
        return str((made and made.provenance.get("Method")) or desc)

    def metadata(self, name: str) -> Any:
        """Return the first value of a sidecar key among the maps and images, or None."""
        for derivative in [*self.chimaps.values(), *self.images.values()]:
            value = derivative.sidecar.get(name)
            if value is not None:
                return value
        return None
