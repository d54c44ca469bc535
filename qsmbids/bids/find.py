"""The inventory of a dataset: every series that can be processed, and why others cannot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from qsmbids.bids import fields, raw
from qsmbids.bids.layout import Dataset
from qsmbids.bids.masks import check_mask, find_mask
from qsmbids.bids.names import entities_of, fmap_entities, join
from qsmbids.bids.participants import bare, wanted_participants
from qsmbids.bids.series import Inventory, Series, Skipped
from qsmbids.errors import InputError, UsageError
from qsmbids.settings import Settings

FILTERS = ("series", "field", "mask")
_ANY = ("auto", "nearest")  # starts from whatever there is


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
        raise InputError(_nothing_to_do(settings, participants, skipped))
    seen = {one.participant for one in series} | {one.participant for one in skipped}
    skipped += [
        Skipped(
            f"sub-{label}",
            label,
            f"sub-{label} has no gradient-echo series with magnitude and phase, nor a field, "
            f"to start from; add them, or leave the participant out{_stale(settings)}.",
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
        images = self.raw.images({"suffix": raw.SUFFIXES, **_filter(settings, "series")})
        self.groups: dict[str, list[raw.Group]] = {}
        for group in raw.group_files(path for path in images if self._wanted(path)):
            self.groups.setdefault(group.entities["sub"], []).append(group)
        self.masks: dict[str, list[tuple[Dataset, Path]]] = {}
        self.fields: dict[str, list[fields.FieldFile]] = {}
        self.magnitudes: dict[str, dict[str, Path]] = {}
        for dataset in self.derivatives:
            self._sort_derivatives(dataset)

    def of(self, participant: str) -> Iterable[Series | Skipped]:
        """Give the series of one participant, and those skipped."""
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

    def _from_raw(self, groups: list[raw.Group]) -> Iterable[Series | Skipped]:
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

    def _build(self, group: raw.Group) -> Series:
        chosen = "echo" in self.settings.filters.get("series", {})
        series, grid = raw.build(self.raw, group, gaps=chosen)
        if self.settings.brain_extraction != "auto":
            return series
        mask = find_mask(self.masks, series.entities)
        if mask is None:
            return series
        check_mask(mask, grid)
        return replace(
            series,
            mask=mask.path,
            mask_source=mask.dataset.name,
            sources=(*series.sources, mask.dataset.uri(mask.path)),
            warnings=series.warnings + mask.warnings,
        )

    def _from_fields(self, participant: str, groups: list[raw.Group]) -> Iterable[Series | Skipped]:
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
            if start in (*_ANY, source.start):
                known = kept.setdefault(join(source.entities), source)
                if (known.start, source.start) == ("total-field", "local-field"):
                    kept[join(source.entities)] = source
        return list(kept.values())

    def _raw_beside(self, source: fields.FieldFile, groups: list[raw.Group]) -> Series | None:
        """Return the raw series of a field's entities, if it has one fit to be used."""
        for group in groups:
            if source.entities in (group.entities, fmap_entities(group.entities)):
                try:
                    return raw.build(self.raw, group)[0]
                except InputError:
                    return None
        return None

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


def _lonely(groups: list[raw.Group]) -> list[raw.Group]:
    """Return magnitudes without phase that were meant as a gradient-echo series."""
    return [group for group in groups if not group.pair() and "mag" in group.parts]


def _magnitude_only(group: raw.Group) -> Skipped:
    reason = f"{group.key}_{group.suffix} has a magnitude only; susceptibility needs the phase too."
    return Skipped(group.key, group.entities["sub"], reason, error=False)


def _failed(entities: Mapping[str, str], error: InputError) -> Skipped:
    return Skipped(join(entities), entities["sub"], str(error), error=True)


def _nothing_to_do(
    settings: Settings, participants: tuple[str, ...], skipped: list[Skipped]
) -> str:
    """Say what was looked for, where, and what was found instead."""
    if not participants:
        return (
            f"Nothing to do: {settings.bids_dir} has no participants (folders sub-*); name the "
            "root of a BIDS dataset."
        )
    looked = []
    if settings.start in (*_ANY, "raw"):
        looked.append(
            "magnitude and phase (part-mag with part-phase, or part-real with part-imag; "
            f"{', '.join(raw.SUFFIXES)}) in {settings.bids_dir}"
        )
    kinds = [name for name, start in fields.STARTS.items() if settings.start in (*_ANY, start)]
    if kinds and (settings.derivatives or settings.start not in _ANY):
        places = ", ".join(map(str, settings.derivatives.values())) or "no --derivatives"
        looked.append(f"{' or '.join(f'desc-{kind}_fieldmap' for kind in kinds)} in {places}")
    found = f"found only this: {skipped[0].reason}" if skipped else f"found none{_stale(settings)}."
    return (
        f"Nothing to do: looked for {' and for '.join(looked)}, participants "
        f"{', '.join(participants[:5])}{' ...' if participants[5:] else ''}, and {found}"
    )


def _stale(settings: Settings) -> str:
    """Say that what is missing may only be missing in the database."""
    if settings.database_dir is None:
        return ""
    return f" (if the data are newer than the database in {settings.database_dir}, remove that)"
