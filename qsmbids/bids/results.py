"""What stands in an output folder for one participant: series, their files, and failures."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qsmbids.bids.sidecar import read_curves
from qsmbids.errors import InputError
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
PICTURES = ("wrapped", "unwrapped", "noise", "residual")
"""What a run has drawn of the echoes, for the participant's page."""
RUN = "run.json"
"""In a participant's log folder: by what the last run that processed it was made."""
SPACE = "_space-"
"""In the key of what was brought to a template's space."""
_BESIDE = ("Uncertainty", "Before", "Paramagnetic", "Diamagnetic")
"""What follows the method in the ``desc`` of an image that belongs to its map."""


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
class Series:
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
    def every(self) -> list[Derivative]:
        """All derivatives of the series."""
        beside = (self.uncertainties, self.before, self.paramagnetic, self.diamagnetic)
        maps = [one for images in (self.chimaps, *beside) for one in images.values()]
        return [*maps, *self.images.values()]

    @property
    def telling(self) -> list[Derivative]:
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


@dataclass(frozen=True)
class Failure:
    """A series that could not be processed."""

    series: str
    stage: str
    message: str
    crashfile: str


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object; empty if the file is absent, damaged or holds something else."""
    try:
        content = load_json(path)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def participants_made(output_dir: Path, wanted: Collection[str] = ()) -> list[str]:
    """Return the labels of participants of whom the output folder holds results or failures.

    Parameters
    ----------
    output_dir : Path
        The output folder.
    wanted : collection of str
        Labels; all by default.

    Raises
    ------
    InputError
        If there are none, or one that is wanted is not among them.
    """
    failed = output_dir.glob("logs/sub-*/*_error.json")
    folders = [*output_dir.glob("sub-*/"), *(path.parent for path in failed)]
    made = sorted({path.name.removeprefix("sub-") for path in folders})
    absent = sorted(set(wanted) - set(made))
    if absent or not made:
        who = f"sub-{absent[0]}" if absent else "any participant"
        raise InputError(f"{output_dir} holds no results of {who}; process first.")
    return [label for label in made if label in wanted or not wanted]


def own_series(output_dir: Path, participant: str) -> list[Series]:
    """Return the series of `find_series` on their own grids: a template's space is not another."""
    found = find_series(output_dir, participant)
    return [series for series in found if SPACE not in series.key]


def find_series(output_dir: Path, participant: str) -> list[Series]:
    """Return the participant's series in the output folder, sorted by their entities."""
    found: dict[str, Series] = {}
    folder = output_dir / f"sub-{participant}"
    for path in sorted([*folder.rglob("*.nii.gz"), *folder.rglob("*.nii")]):
        *entities, suffix = path.name.split(".")[0].split("_")
        desc = next((e.removeprefix("desc-") for e in entities if e.startswith("desc-")), "")
        key = "_".join(e for e in entities if not e.startswith("desc-"))
        if suffix == "Chimap" or (desc, suffix) in ROLES:
            found.setdefault(key, Series(key)).add(desc, suffix, Derivative(path))
    logs = output_dir / "logs" / f"sub-{participant}"
    for series in found.values():
        series.measured = read_json(logs / f"{series.key}_quality.json")
        drawn = {name: logs / f"{series.key}_{name}.webp" for name in PICTURES}
        series.pictures = {name: path for name, path in drawn.items() if path.is_file()}
        for desc in series.chimaps:
            curves = read_curves(logs / f"{series.key}_desc-{desc}_curve.tsv")
            if curves:
                series.curves[desc] = curves
    return [found[key] for key in sorted(found)]


def find_failures(output_dir: Path, participant: str) -> list[Failure]:
    """Return the participant's series that failed, from the log folder."""
    failures = []
    for path in sorted((output_dir / "logs" / f"sub-{participant}").glob("*_error.json")):
        content = read_json(path)
        failures.append(
            Failure(
                str(content.get("series") or path.name.removesuffix("_error.json")),
                str(content.get("stage") or ""),
                str(content.get("message") or f"{path.name} cannot be read."),
                str(content.get("crashfile") or ""),
            )
        )
    return failures
