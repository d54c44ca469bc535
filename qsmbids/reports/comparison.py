"""Maps of one series against each other: methods, and a network before and after its fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from qsmbids.bids.volume import Image
from qsmbids.reports import slices, windows
from qsmbids.reports.images import SeriesImages
from qsmbids.reports.picture import Picture
from qsmbids.reports.slices import Panel

BEFORE = "Before"
"""What ends the ``desc`` of the map of a network from before its fit, which comes before it."""
_MOST = 4  # columns in which something can still be seen


@dataclass(frozen=True)
class Compared:
    """One map among others.

    Attributes
    ----------
    desc, name : str
        That tells it from the others of its series; what people call it.
    chi : (x, y, z) array
        Its shown part, in ppm.
    picture : Picture
        Its slices.
    """

    desc: str
    name: str
    chi: Image
    picture: Picture


@dataclass(frozen=True)
class Comparison:
    """Maps that the page changes between, and all of them side by side.

    Attributes
    ----------
    maps : list of Compared
    beside : list of Picture
        A few slices of all maps in one picture each.
    """

    maps: Sequence[Compared]
    beside: list[Picture]

    @property
    def pair(self) -> tuple[str, str]:
        """The ``desc`` of the two that are shown first: a network before and after its fit."""
        descs = [one.desc for one in self.maps]
        start = next((n for n, desc in enumerate(descs) if desc.endswith(BEFORE)), 0)
        return descs[start], descs[start + 1]


def compare(images: SeriesImages, maps: Sequence[Compared]) -> Comparison | None:
    """Return the comparison of the maps of a series; None of fewer than two."""
    if len(maps) < 2:
        return None
    chi = {one.name: one.chi for one in maps}
    groups = [list(chi)] if len(chi) <= _MOST else _groups(list(chi))
    return Comparison(maps, [_side_by_side(images, chi, group) for group in groups])


def _groups(names: Sequence[str]) -> list[list[str]]:
    """Return the names in groups, each with the first one to compare with."""
    first, *others = names
    step = _MOST - 1
    return [[first, *others[n : n + step]] for n in range(0, len(others), step)]


def _side_by_side(images: SeriesImages, maps: Mapping[str, Image], names: Sequence[str]) -> Picture:
    first, second = maps[names[0]], maps[names[1]]
    shown = {name: images.inside(maps[name]) for name in names}
    if len(names) == 2:
        shown["difference"] = images.inside(second - first)
    planes = {name: slices.planes(image, images.shown, {}) for name, image in shown.items()}
    panels: list[Panel] = []
    for plane in range(3):
        for name, row in planes.items():
            panel = row[plane]
            panels.append(panel if plane else replace(panel, title=f"{name}, {panel.title}"))
    columns = ", ".join(shown)
    window = windows.in_words(windows.TISSUE_PPM, "ppm")
    return Picture(
        "Side by side",
        f"From left to right: {columns}. Rows: axial, coronal, sagittal. All in one grey window, "
        f"{window}.",
        f"Axial, coronal and sagittal slices side by side: {columns}.",
        slices.strip(panels, windows.TISSUE_PPM, "ppm", columns=len(shown)),
    )
