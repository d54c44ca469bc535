"""What the datasets of a run hold, sorted by participant; nothing is opened but their indices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from qsmbids.bids.fields import STARTS, FieldFile
from qsmbids.bids.groups import FMAP_SUFFIXES, SUFFIXES, Group, group_fieldmaps, group_files
from qsmbids.bids.layout import Dataset
from qsmbids.bids.names import entities_of, join, suffix_of
from qsmbids.bids.participants import bare
from qsmbids.bids.series import Skipped
from qsmbids.errors import UsageError
from qsmbids.settings import Settings

FILTERS = ("series", "field", "mask")
_OF_ANAT_ALONE = ("suffix", "echo", "part")  # entities that images in fmap/ have not, or other


class Catalogue:
    """Images of the raw dataset and of its derivatives, as a run's options choose them.

    Attributes
    ----------
    raw : Dataset
        The raw dataset.
    groups : dict of str to list of Group
        Raw images by participant, those of one series together.
    misnamed : dict of str to list of Skipped
        Gradient echoes by participant that no name of BIDS stands for.
    masks : dict of str to list of (Dataset, Path)
        Masks of derivatives by participant.
    fields : dict of str to list of FieldFile
        Fields of derivatives by participant.
    magnitudes : dict of str to dict of str to Path
        Magnitudes by the derivatives dataset's name, and their entities.
    """

    def __init__(self, settings: Settings):
        self._settings = settings
        unknown = sorted(set(settings.filters) - set(FILTERS))
        if unknown:
            raise UsageError(
                f"The BIDS filter has no part {unknown[0]!r}; it may have: {', '.join(FILTERS)}."
            )
        self.raw, *derivatives = _datasets(settings)
        self.groups: dict[str, list[Group]] = {}
        for group in [*self._anatomical(), *self._fieldmaps()]:
            self.groups.setdefault(group.entities["sub"], []).append(group)
        self.misnamed: dict[str, list[Skipped]] = {}
        for item in self._with_dots():
            self.misnamed.setdefault(item.participant, []).append(item)
        self.masks: dict[str, list[tuple[Dataset, Path]]] = {}
        self.fields: dict[str, list[FieldFile]] = {}
        self.magnitudes: dict[str, dict[str, Path]] = {}
        for dataset in derivatives:
            self._sort_derivatives(dataset)

    def _anatomical(self) -> list[Group]:
        if self._settings.input == "fmap":
            return []
        images = self.raw.images({"suffix": SUFFIXES, **self._filter("series")})
        return group_files(path for path in images if self._wanted(path))

    def _fieldmaps(self) -> list[Group]:
        """Return the groups of ``fmap/``; a filter's suffix chooses groups, not magnitudes."""
        if self._settings.input == "anat":
            return []
        chosen = self._filter("series")
        query = {name: value for name, value in chosen.items() if name not in _OF_ANAT_ALONE}
        images = self.raw.images({"suffix": FMAP_SUFFIXES, "desc": None, **query})
        groups = group_fieldmaps(path for path in images if self._wanted(path))
        suffixes = chosen.get("suffix", FMAP_SUFFIXES)
        return [group for group in groups if any(suffix_of(p) in suffixes for p in group.paths())]

    def _with_dots(self) -> Iterable[Skipped]:
        """Give the gradient echoes with a dot in their names, one for all echoes."""
        told: dict[str, Skipped] = {}
        for path in self.raw.dotted():
            *named, suffix = path.name.removesuffix(".gz").removesuffix(".nii").split("_")
            key = "_".join(text for text in named if text.partition("-")[0] not in ("echo", "part"))
            if suffix in (*SUFFIXES, *FMAP_SUFFIXES) and named[0].startswith("sub-"):
                reason = (
                    f"{self.raw.relative(path)} has a dot within its name, which BIDS takes for "
                    "the begin of the extension; rename it and its sidecar."
                )
                told.setdefault(key, Skipped(key, named[0][4:], reason, error=True))
        return told.values()

    def _sort_derivatives(self, dataset: Dataset) -> None:
        for path in dataset.images({"suffix": "mask", **self._filter("mask")}):
            owner = entities_of(path).get("sub", "")
            self.masks.setdefault(owner, []).append((dataset, path))
        query = {"suffix": "fieldmap", "desc": list(STARTS)}
        for path in dataset.images({**query, **self._filter("field")}):
            kind = STARTS.get(entities_of(path).get("desc", ""))
            if self._wanted(path) and kind:
                source = FieldFile(dataset, path, kind)
                self.fields.setdefault(source.entities["sub"], []).append(source)
        self.magnitudes[dataset.name] = {
            join(entities_of(path)): path for path in dataset.images({"suffix": "magnitude"})
        }

    def _wanted(self, path: Path) -> bool:
        named = entities_of(path)
        sessions = [bare(label, "ses-") for label in self._settings.sessions]
        return "sub" in named and (not sessions or named.get("ses") in sessions)

    def _filter(self, name: str) -> Mapping[str, Any]:
        chosen = self._settings.filters.get(name, {})
        if not isinstance(chosen, Mapping):
            raise UsageError(f"The BIDS filter's part {name!r} must be an object of entities.")
        return chosen


def _datasets(settings: Settings) -> list[Dataset]:
    """Open the raw dataset and those with derivatives; a raw one that is both stands twice."""
    participants = [bare(label, "sub-") for label in settings.participants]
    sessions = [bare(label, "ses-") for label in settings.sessions]

    def opened(name: str, root: Path) -> Dataset:
        if "/" in name or name in (".", ".."):  # a database is a folder of that name
            raise UsageError(f"--derivatives {name}={root}: choose a name without slashes.")
        database = settings.database_dir
        if database is not None and name != "raw":
            database = database / name
        return Dataset(name, root, participants=participants, sessions=sessions, database=database)

    first = opened("raw", settings.bids_dir)
    roots = {Path(root).resolve() for root in settings.derivatives.values()}
    both = first.is_derivative and settings.bids_dir.resolve() not in roots
    others = [opened(name, Path(root)) for name, root in settings.derivatives.items()]
    return [first, *others, *([first] if both else [])]
