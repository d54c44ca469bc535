"""Which images of a raw dataset belong to one series, told by their names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from qsmbids.bids.names import entities_of, in_order, join, suffix_of

SUFFIXES = ["MEGRE", "T2starw", "T1w"]
FMAP_SUFFIXES = [
    *("phasediff", "phase1", "phase2", "fieldmap"),
    *("magnitude1", "magnitude2", "magnitude"),
]
_FMAP_LABEL = "fmap"


@dataclass
class Group:
    """The files of one series: by part and echo.

    The parts are ``mag``, ``phase``, ``real``, ``imag``, and ``field`` of a field map.
    """

    entities: dict[str, str]
    suffix: str
    parts: dict[str, dict[int, Path]] = field(default_factory=dict)
    duplicates: tuple[Path, Path] | None = None  # two files of the same part and echo
    named: dict[str, str] = field(default_factory=dict)  # the files' entities, where others

    @property
    def key(self) -> str:
        """The stem of the outputs' names."""
        return join(self.entities)

    @property
    def name(self) -> str:
        """The stem that the files share, for the user."""
        return f"{join(self.named or self.entities)}_{self.suffix}"

    def paths(self) -> list[Path]:
        """Return all files, those of the phase or field before the magnitude's."""
        parts = sorted(self.parts.items(), key=lambda item: item[0] == "mag")
        return [path for _, part in parts for path in part.values()]

    def pair(self) -> tuple[str, str] | None:
        """Return the two parts that a series is made from, or None if there is only one."""
        for part in ("phase", "field"):
            if self.parts.get(part):
                return "mag", part
        return ("real", "imag") if {"real", "imag"} & self.parts.keys() else None


def group_files(paths: Iterable[Path]) -> list[Group]:
    """Sort images of ``anat/`` into series."""
    groups: dict[tuple[str, str], Group] = {}
    for path in paths:
        named = entities_of(path)
        echo, part = named.pop("echo", ""), named.pop("part", "")
        number = int(echo) if echo.isdecimal() else 0
        name = (join(named), suffix_of(path))
        group = groups.setdefault(name, Group(named, suffix_of(path)))
        _add(group, part, number, path)
    for group in groups.values():
        _adopt_unnamed(group)
    return list(groups.values())


def group_fieldmaps(paths: Iterable[Path]) -> list[Group]:
    """Sort images of ``fmap/`` into series: two phases, a phase difference or a field map.

    Magnitudes without any of these make a group without a pair. The acquisition's label gets
    ``fmap`` at its end, so that the maps do not take the names of an anatomical series'.
    """
    magnitudes: dict[str, Group] = {}
    groups: dict[tuple[str, str], Group] = {}
    for path in paths:
        named, suffix = entities_of(path), suffix_of(path)
        kind, number = suffix.rstrip("12"), int(suffix[-1]) if suffix[-1] in "12" else 0
        entities = in_order({**named, "acq": named.get("acq", "") + _FMAP_LABEL})
        if kind == "magnitude":
            group = magnitudes.setdefault(join(named), Group(entities, kind, named=named))
            _add(group, "mag", number, path)
        else:
            group = groups.setdefault((join(named), kind), Group(entities, kind, named=named))
            _add(group, "field" if kind == "fieldmap" else "phase", number, path)
    for (name, _), group in groups.items():
        own = magnitudes.get(name)
        if own is not None:
            group.parts["mag"] = own.parts["mag"]
            group.duplicates = group.duplicates or own.duplicates
    taken = {name for name, _ in groups}
    alone = [group for name, group in magnitudes.items() if name not in taken]
    return [*groups.values(), *alone]


def _add(group: Group, part: str, number: int, path: Path) -> None:
    other = group.parts.setdefault(part, {}).setdefault(number, path)
    if other != path:
        group.duplicates = (other, path)


def _adopt_unnamed(group: Group) -> None:
    """Take images without a part entity as magnitude where phase has the same echo numbering.

    A combined image beside the numbered echoes of the phase is not one of the series.
    """
    unnamed = group.parts.pop("", {})
    phase = group.parts.get("phase", {})
    if "mag" not in group.parts and (phase or group.suffix == "MEGRE"):
        numbered = any(phase or unnamed)
        group.parts["mag"] = {n: path for n, path in unnamed.items() if bool(n) == numbered}
