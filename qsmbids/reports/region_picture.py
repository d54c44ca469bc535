"""Outlines of regions on the images that they were measured in."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qsmbids.bids.series_results import Derivative, SeriesResults
from qsmbids.bids.volume import Image, read
from qsmbids.reports.picture import Picture
from qsmbids.reports.slices import Panel, strip
from qsmbids.reports.view import View, view_of
from qsmbids.reports.windows import TISSUE_PPM, own_window

_LEVELS = (0.03, 0.12, 0.35, 0.6, 0.8)
"""Shares of the regions' voxels that lie below the slices shown."""


def region_pictures(series: SeriesResults, labels: Path) -> list[Picture]:
    """Return the outlines of regions on the series' first susceptibility map and its magnitude.

    Parameters
    ----------
    series : SeriesResults
        What stands in the output folder.
    labels : Path
        The image of the regions' labels, on the same grid.
    """
    volume = read(labels)
    if volume is None or not volume.data.any():
        return []
    view = view_of(volume)
    regions = view.cut(volume).astype(int)
    heights = np.flatnonzero(regions) % regions.shape[2]
    levels = list(dict.fromkeys(np.quantile(heights, _LEVELS).astype(int).tolist()))
    numbers = np.unique(regions[regions > 0])
    # neighbours in two colours: the sides of a nucleus have labels one after the other
    second = np.isin(regions, [n for rank, n in enumerate(numbers) if rank // 2 % 2])
    masks = {"region": (regions > 0) & ~second, "neighbour": second}
    chi = next(iter(series.chimaps.values()), None)
    pictures = []
    for name, image, unit in (
        ("susceptibility", chi, "ppm"),
        ("magnitude", series.images.get("magnitude"), ""),
    ):
        shown = _cut(image, view)
        if shown is not None:
            panels = [_panel(shown, view, masks, level) for level in levels]
            window = TISSUE_PPM if unit else own_window(shown)
            pictures.append(_picture(name, strip(panels, window, unit)))
    return pictures


def _cut(image: Derivative | None, view: View) -> Image | None:
    volume = read(image.path) if image is not None else None
    return view.cut(volume) if volume is not None and volume.grid.same(view.grid) else None


def _panel(image: Image, view: View, masks: dict[str, np.ndarray], level: int) -> Panel:
    size = (image.shape[0] * view.grid.voxel_size[0], image.shape[1] * view.grid.voxel_size[1])
    outlines = {name: mask[:, :, level].T for name, mask in masks.items()}
    return Panel(image[:, :, level].T, size, ("L", "R"), outlines, view.position(2, level))


def _picture(name: str, uri: str) -> Picture:
    return Picture(
        f"Regions on {name}",
        f"Axial slices through the regions, from below. An outline should follow the edge of its "
        f"nucleus in the {name}; where it does not, the numbers below are those of something else. "
        "Then give a segmentation of the participant's own anatomy with --segmentation.",
        f"Outlines of the regions on axial slices of the {name}",
        uri,
    )
