"""Every series of a dataset that can be processed, and why others cannot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from qsmbids.bids import fieldmaps, fields, raw
from qsmbids.bids.catalogue import Catalogue
from qsmbids.bids.derived import check_mask, find_mask
from qsmbids.bids.grid import Grid
from qsmbids.bids.groups import Group
from qsmbids.bids.layout import Dataset
from qsmbids.bids.leftovers import ANY_START, left_out, nothing_to_do, stale
from qsmbids.bids.names import entities_of, fmap_entities, join
from qsmbids.bids.participants import wanted_participants
from qsmbids.bids.segmentations import with_segmentation
from qsmbids.bids.series import Inventory, Series, Skipped
from qsmbids.errors import InputError
from qsmbids.settings import Settings


def find_series(settings: Settings) -> Inventory:
    """Find every series of the wanted participants, checked by headers and sidecars.

    Parameters
    ----------
    settings : Settings
        ``bids_dir``, ``derivatives``, ``participants``, ``sessions``, ``filters``,
        ``database_dir``, ``start`` and ``input`` are read. ``filters`` holds PyBIDS entity
        filters under the keys ``series``, ``field`` and ``mask``.

    Returns
    -------
    Inventory

    Raises
    ------
    UsageError
        If a participant, a session or a folder asked for does not exist.
    InputError
        If there is nothing to do.
    """
    participants = wanted_participants(settings)
    catalogue = Catalogue(settings)
    finder = _Finder(settings, catalogue)
    found = [item for participant in participants for item in finder.of(participant)]
    series = tuple(item for item in found if isinstance(item, Series))
    skipped = [item for item in found if isinstance(item, Skipped)]
    if not series and not any(item.error for item in skipped):
        unused = [source.path for sources in catalogue.fields.values() for source in sources]
        raise InputError(nothing_to_do(settings, participants, unused))
    seen = {item.participant for item in found}
    for label in participants:
        if label not in seen:
            reason = (
                f"sub-{label} has no gradient-echo series with magnitude and phase, nor a field, "
                f"to start from ({left_out(settings, label)}); add them, or leave the participant "
                f"out{stale(settings)}."
            )
            skipped.append(
                Skipped(f"sub-{label}", label, reason, error=bool(settings.participants))
            )
    if settings.segmentation:
        moved = settings.reference != "mask"
        series = tuple(with_segmentation(one, settings.derivatives, moved) for one in series)
    return Inventory(series, tuple(skipped), participants)


class _Finder:
    """Makes series of what a catalogue holds, one participant's at a time."""

    def __init__(self, settings: Settings, catalogue: Catalogue):
        self._settings, self._catalogue = settings, catalogue

    def of(self, participant: str) -> Iterable[Series | Skipped]:
        """Give the series of one participant, and those skipped."""
        misnamed = self._catalogue.misnamed.get(participant, [])
        return [*self._found(participant), *misnamed]

    def _found(self, participant: str) -> Iterable[Series | Skipped]:
        groups = self._catalogue.groups.get(participant, [])
        pairs = [group for group in groups if group.pair()]
        if self._starts_raw(participant, bool(pairs)):
            return [*self._from_raw(pairs), *map(_magnitude_only, _lonely(groups))]
        return self._from_fields(participant, pairs)

    def _starts_raw(self, participant: str, paired: bool) -> bool:
        start, field = self._settings.start, participant in self._catalogue.fields
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
        chosen = "echo" in self._settings.filters.get("series", {})
        series, grid = _built(self._catalogue.raw, group, gaps=chosen)
        if self._settings.brain_extraction == "auto":
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
        masks = [
            mask for mask in (find_mask(self._catalogue.masks, name) for name in names) if mask
        ]
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
            mask_source=mask.source,
            sources=(*series.sources, mask.dataset.uri(mask.path)),
        )

    def _from_fields(self, participant: str, groups: list[Group]) -> Iterable[Series | Skipped]:
        for source in self._one_a_key(self._catalogue.fields.get(participant, [])):
            try:
                yield fields.build(
                    source,
                    self._catalogue.masks,
                    self._catalogue.magnitudes.get(source.dataset.name, {}),
                    self._raw_beside(source, groups),
                )
            except InputError as error:
                yield _failed(source.entities, error)

    def _one_a_key(self, found: list[fields.FieldFile]) -> list[fields.FieldFile]:
        """Keep one field a series: the start asked for, else the local one, as the last made."""
        start = self._settings.start
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
                    return _built(self._catalogue.raw, group)[0]
                except InputError:
                    return None
        return None


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
