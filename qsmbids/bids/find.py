"""The inventory of a dataset: every series that can be processed, and why others cannot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from qsmbids.bids import fieldmaps, fields, raw
from qsmbids.bids.check import Grid
from qsmbids.bids.groups import FMAP_SUFFIXES, SUFFIXES, Group, group_fieldmaps, group_files
from qsmbids.bids.layout import Dataset
from qsmbids.bids.leftovers import ANY_START, left_out, nothing_to_do, stale
from qsmbids.bids.masks import check_mask, find_mask
from qsmbids.bids.names import entities_of, fmap_entities, join, suffix_of
from qsmbids.bids.participants import bare, wanted_participants
from qsmbids.bids.series import Inventory, Series, Skipped
from qsmbids.errors import InputError, UsageError
from qsmbids.settings import Settings

FILTERS = ("series", "field", "mask")
_OF_ANAT_ALONE = ("suffix", "echo", "part")  # entities that images in fmap/ have not, or other


def take_inventory(settings: Settings) -> Inventory:
    """Find every series of the wanted participants; see `qsmbids.bids.series.find_series`."""
    unknown = sorted(set(settings.filters) - set(FILTERS))
    if unknown:
        raise UsageError(
            f"The BIDS filter has no part {unknown[0]!r}; it may have: {', '.join(FILTERS)}."
        )
    participants = wanted_participants(settings)
    found = _Finder(settings, participants)
    series: list[Series] = []
    skipped: list[Skipped] = []
    for participant in participants:
        for item in found.of(participant):
            if isinstance(item, Series):
                series.append(item)
            else:
                skipped.append(item)
    if not series and not any(item.error for item in skipped):
        raise InputError(nothing_to_do(settings, participants, found.unused_fields))
    seen = {one.participant for one in series} | {one.participant for one in skipped}
    skipped += [
        Skipped(
            f"sub-{label}",
            label,
            f"sub-{label} has no gradient-echo series with magnitude and phase, nor a field, "
            f"to start from ({left_out(settings, label)}); add them, or leave the participant "
            f"out{stale(settings)}.",
            error=bool(settings.participants),
        )
        for label in participants
        if label not in seen
    ]
    return Inventory(tuple(series), tuple(skipped), participants)


class _Finder:
    """All images of the wanted participants, sorted; gives one participant's series at a time."""

    def __init__(self, settings: Settings, participants: tuple[str, ...]):
        self.settings = settings
        self.raw, *self.derivatives = _datasets(settings)
        self.groups: dict[str, list[Group]] = {}
        for group in [*self._anatomical(), *self._fieldmaps()]:
            self.groups.setdefault(group.entities["sub"], []).append(group)
        self.dotted: dict[str, list[Skipped]] = {}
        for item in self._dotted():
            self.dotted.setdefault(item.participant, []).append(item)
        self.masks: dict[str, list[tuple[Dataset, Path]]] = {}
        self.fields: dict[str, list[fields.FieldFile]] = {}
        self.magnitudes: dict[str, dict[str, Path]] = {}
        for dataset in self.derivatives:
            self._sort_derivatives(dataset)

    def _dotted(self) -> Iterable[Skipped]:
        """Give the gradient echoes that no name of BIDS stands for, one for all echoes."""
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

    def _anatomical(self) -> list[Group]:
        if self.settings.input == "fmap":
            return []
        images = self.raw.images({"suffix": SUFFIXES, **_filter(self.settings, "series")})
        return group_files(path for path in images if self._wanted(path))

    def _fieldmaps(self) -> list[Group]:
        """Return the groups of ``fmap/``; a filter's suffix chooses groups, not magnitudes."""
        if self.settings.input == "anat":
            return []
        chosen = _filter(self.settings, "series")
        query = {name: value for name, value in chosen.items() if name not in _OF_ANAT_ALONE}
        images = self.raw.images({"suffix": FMAP_SUFFIXES, "desc": None, **query})
        groups = group_fieldmaps(path for path in images if self._wanted(path))
        suffixes = chosen.get("suffix", FMAP_SUFFIXES)
        return [
            group
            for group in groups
            if any(suffix_of(p) in suffixes for part in group.parts.values() for p in part.values())
        ]

    def of(self, participant: str) -> Iterable[Series | Skipped]:
        """Give the series of one participant, and those skipped."""
        return [*self._found(participant), *self.dotted.get(participant, [])]

    def _found(self, participant: str) -> Iterable[Series | Skipped]:
        groups = self.groups.get(participant, [])
        pairs = [group for group in groups if group.pair()]
        if self._starts_raw(participant, bool(pairs)):
            return [*self._from_raw(pairs), *map(_magnitude_only, _lonely(groups))]
        return self._from_fields(participant, pairs)

    def _starts_raw(self, participant: str, paired: bool) -> bool:
        start, field = self.settings.start, participant in self.fields
        if start == "nearest":
            return not field
        return start == "raw" or (start == "auto" and (paired or not field))

    def _from_raw(self, groups: list[Group]) -> Iterable[Series | Skipped]:
        suffixes: dict[str, list[str]] = {}
        for group in groups:
            suffixes.setdefault(group.key, []).append(group.suffix)
        for group in groups:
            try:
                if len(suffixes[group.key]) > 1:
                    raise InputError(
                        f"{group.key} is the name of several series "
                        f"({', '.join(suffixes[group.key])}), whose maps would overwrite each "
                        "other; choose one suffix with --bids-filter-file."
                    )
                yield self._build(group)
            except InputError as error:
                yield _failed(group.entities, error)

    def _build(self, group: Group) -> Series:
        chosen = "echo" in self.settings.filters.get("series", {})
        series, grid = _built(self.raw, group, gaps=chosen)
        if self.settings.brain_extraction == "auto":
            series = self._masked(series, group, grid)
        if series.mask is None and not (series.magnitude or series.real):
            raise InputError(
                f"{group.name} has no magnitude of the same name to tell the brain by; add it, or "
                "a desc-brain_mask in a dataset given with --derivatives."
            )
        return series

    def _masked(self, series: Series, group: Group, grid: Grid) -> Series:
        """Return the series with the mask that derivatives hold for it, if they do."""
        names = (series.entities, group.named) if group.named else (series.entities,)
        masks = [mask for mask in (find_mask(self.masks, name) for name in names) if mask]
        if not masks:
            return series
        mask = max(masks, key=lambda one: len(entities_of(one.path)))
        try:
            check_mask(mask, grid)
        except InputError as error:
            if not group.named:
                raise
            # a mask of the anatomical series bears the field map's name too
            return replace(series, warnings=(*series.warnings, f"A mask was not used: {error}"))
        return replace(
            series,
            mask=mask.path,
            mask_source=mask.dataset.name,
            sources=(*series.sources, mask.dataset.uri(mask.path)),
            warnings=series.warnings + mask.warnings,
        )

    def _from_fields(self, participant: str, groups: list[Group]) -> Iterable[Series | Skipped]:
        for source in self._one_a_key(self.fields.get(participant, [])):
            try:
                yield fields.build(
                    source,
                    self.masks,
                    self.magnitudes.get(source.dataset.name, {}),
                    self._raw_beside(source, groups),
                )
            except InputError as error:
                yield _failed(source.entities, error)

    def _one_a_key(self, found: list[fields.FieldFile]) -> list[fields.FieldFile]:
        """Keep one field a series: the start asked for, else the local one, as the last made."""
        start = self.settings.start
        kept: dict[str, fields.FieldFile] = {}
        for source in found:
            if start in (*ANY_START, source.start):
                known = kept.setdefault(join(source.entities), source)
                if (known.start, source.start) == ("total-field", "local-field"):
                    kept[join(source.entities)] = source
        return list(kept.values())

    def _raw_beside(self, source: fields.FieldFile, groups: list[Group]) -> Series | None:
        """Return the raw series of a field's entities, if it has one fit to be used."""
        for group in groups:
            if source.entities in (group.entities, fmap_entities(group.entities)):
                try:
                    return _built(self.raw, group)[0]
                except InputError:
                    return None
        return None

    @property
    def unused_fields(self) -> list[Path]:
        """The fields of derivatives, all of which the start asked for leaves out if none is."""
        return [source.path for found in self.fields.values() for source in found]

    def _sort_derivatives(self, dataset: Dataset) -> None:
        for path in dataset.images({"suffix": "mask", **_filter(self.settings, "mask")}):
            owner = entities_of(path).get("sub", "")
            self.masks.setdefault(owner, []).append((dataset, path))
        query = {"suffix": "fieldmap", "desc": list(fields.STARTS)}
        for path in dataset.images({**query, **_filter(self.settings, "field")}):
            kind = fields.STARTS.get(entities_of(path).get("desc", ""))
            if self._wanted(path) and kind:
                source = fields.FieldFile(dataset, path, kind)
                self.fields.setdefault(source.entities["sub"], []).append(source)
        self.magnitudes[dataset.name] = {
            join(entities_of(path)): path for path in dataset.images({"suffix": "magnitude"})
        }

    def _wanted(self, path: Path) -> bool:
        named = entities_of(path)
        sessions = [bare(label, "ses-") for label in self.settings.sessions]
        return "sub" in named and (not sessions or named.get("ses") in sessions)


def _datasets(settings: Settings) -> list[Dataset]:
    """Open the raw dataset and those with derivatives; a raw one that is both stands twice."""
    participants = [bare(label, "sub-") for label in settings.participants]
    sessions = [bare(label, "ses-") for label in settings.sessions]

    def opened(name: str, root: Path) -> Dataset:
        database = settings.database_dir
        if database is not None and name != "raw":
            database = database / name
        return Dataset(name, root, participants=participants, sessions=sessions, database=database)

    first = opened("raw", settings.bids_dir)
    roots = {Path(root).resolve() for root in settings.derivatives.values()}
    both = first.is_derivative and settings.bids_dir.resolve() not in roots
    others = [opened(name, Path(root)) for name, root in settings.derivatives.items()]
    return [first, *others, *([first] if both else [])]


def _filter(settings: Settings, name: str) -> Mapping[str, Any]:
    chosen = settings.filters.get(name, {})
    if not isinstance(chosen, Mapping):
        raise UsageError(f"The BIDS filter's part {name!r} must be an object of entities.")
    return chosen


def _built(dataset: Dataset, group: Group, *, gaps: bool = False) -> tuple[Series, Grid]:
    """Return the series of a group and its grid, or raise InputError."""
    if "field" in group.parts:
        return fieldmaps.build(dataset, group)
    return raw.build(dataset, group, gaps=gaps)


def _lonely(groups: list[Group]) -> list[Group]:
    """Return magnitudes without phase that were meant as a gradient-echo series."""
    return [group for group in groups if not group.pair() and "mag" in group.parts]


def _magnitude_only(group: Group) -> Skipped:
    reason = f"{group.name} has a magnitude only; susceptibility needs the phase too."
    return Skipped(group.key, group.entities["sub"], reason, error=False)


def _failed(entities: Mapping[str, str], error: InputError) -> Skipped:
    return Skipped(join(entities), entities["sub"], str(error), error=True)
