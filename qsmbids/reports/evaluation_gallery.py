"""The pictures of one series of an evaluation: its maps and their errors, and a lesion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Mask
from qsmbids.bids.volume import Grid, Image, Volume
from qsmbids.evaluation import diamagnetic_lesion
from qsmbids.evaluation.regional import centred
from qsmbids.evaluation.study.stack import Stack
from qsmbids.reports import figures, slices
from qsmbids.reports.evaluation_figures import coloured
from qsmbids.reports.figures import FAINT, TEXT
from qsmbids.reports.picture import Picture
from qsmbids.reports.slices import Panel
from qsmbids.reports.view import View, view_of
from qsmbids.reports.windows import TISSUE_PPM, WIDE_PPM

REFERENCE = "reference"
_PROFILE_MM = 25.0


@dataclass
class Gallery:
    """What is shown of one series."""

    key: str
    pictures: list[Picture] = field(default_factory=list)


def draw_gallery(key: str, stack: Stack) -> Gallery:
    """Return the pictures of a series: maps and errors, and the calcification if one is known.

    Else the strongest diamagnetic lesion is looked for.
    """
    reference, mask, grid = stack.reference, stack.mask, stack.grid
    calcification = stack.regions.calcification
    view = view_of(Volume(mask.astype(np.float32), grid))
    every = {REFERENCE: reference, **stack.maps}
    images = {name: centred(chi, mask) for name, chi in every.items()}
    shown = {name: _cut(image, mask, view) for name, image in images.items()}
    gallery = Gallery(key, [_maps_and_errors(shown, view)])
    known = mask & (np.asarray(calcification, dtype=bool) if calcification is not None else False)
    lesion = known if known.any() else diamagnetic_lesion(reference, mask)
    if lesion.any():
        values = np.where(lesion, images[REFERENCE], np.inf)
        at = tuple(int(i) for i in np.unravel_index(int(np.argmin(values)), values.shape))
        gallery.pictures += [_lesion(shown, view, at), _profile(images, mask, grid, at)]
    return gallery


def _cut(image: NDArray[np.float64], mask: Mask, view: View) -> Image:
    """Return what is shown of a map, NaN outside the mask."""
    part = image[view.box].astype(np.float32)
    return np.where(mask[view.box], part, np.float32(np.nan))


def _maps_and_errors(shown: Mapping[str, Image], view: View) -> Picture:
    panels: list[Panel] = []
    for plane in (0, 1):
        panels += _row(shown, view, plane, titled=plane == 0)
        errors = {name: chi - shown[REFERENCE] for name, chi in shown.items()}
        blank, *rest = _row(errors, view, plane, titled=False)
        empty = np.full_like(blank.image, np.nan)
        panels += [Panel(empty, blank.size, ("", ""), {}, "map \N{MINUS SIGN} reference"), *rest]
    names = ", ".join(shown)
    return Picture(
        "Maps and errors",
        f"Columns: {names}. Rows: an axial slice and its error, a coronal slice and its error. "
        f"All in one grey window, {TISSUE_PPM[0]:g} to {TISSUE_PPM[1]:g} ppm; the mean over the "
        "mask is 0 ppm in each.",
        f"Axial and coronal slices of {names}, and the errors of the maps.",
        slices.strip(panels, TISSUE_PPM, "ppm", columns=len(shown)),
    )


def _row(shown: Mapping[str, Image], view: View, plane: int, *, titled: bool) -> list[Panel]:
    panels = [slices.planes(image, view, {})[plane] for image in shown.values()]
    named = zip(panels, shown, strict=True)
    return [replace(panel, title=name if titled else "") for panel, name in named]


def _lesion(shown: Mapping[str, Image], view: View, at: tuple[int, ...]) -> Picture:
    inside = tuple(i - cut.start for i, cut in zip(at, view.box, strict=True))
    return Picture(
        "Strongest diamagnetic lesion",
        f"The axial slice through it in a wide grey window, {WIDE_PPM[0]:g} to {WIDE_PPM[1]:g} "
        "ppm: streaks around it come from the inversion.",
        f"Axial slices through a diamagnetic lesion: {', '.join(shown)}.",
        slices.strip(_row(shown, replace(view, centre=inside), 0, titled=True), WIDE_PPM, "ppm"),
    )


def _profile(
    images: Mapping[str, NDArray[np.float64]], mask: Mask, grid: Grid, at: tuple[int, ...]
) -> Picture:
    step = grid.voxel_size[0]
    reach = round(_PROFILE_MM / step)
    line = np.arange(max(at[0] - reach, 0), min(at[0] + reach + 1, mask.shape[0]))
    inside = mask[line, at[1], at[2]]
    figure = figures.wide_figure(3.2)
    axes = figure.add_axes((0.06, 0.17, 0.92, 0.78))
    figures.dress(axes)
    for colour, name in [(TEXT, REFERENCE), *coloured([n for n in images if n != REFERENCE])]:
        values = np.where(inside, images[name][line, at[1], at[2]], np.nan)
        width = 2.4 if name == REFERENCE else 1.3
        axes.plot((line - at[0]) * step, values, color=colour, lw=width, label=name)
    axes.axhline(0, color=FAINT, lw=0.8, ls=":")
    axes.set_xlabel("mm to the right of the lesion's lowest value", color=TEXT)
    axes.set_ylabel("susceptibility (ppm)", color=TEXT)
    figures.legend(axes)
    return Picture(
        "Line profile through the lesion",
        "From left to right through the voxel in which the reference is lowest.",
        f"Susceptibility along a line through the lesion: {', '.join(images)}.",
        figures.encode(figure),
    )
