"""The interactive viewer of a series: one HTML file with NiiVue and small copies of its images.

A page that is opened from the disk may not read other files, so that the images stand in it. They
are resampled until all of them are small; the file is loaded when a reader opens the viewer.
"""

from __future__ import annotations

import base64
from functools import cache
from importlib.resources import files
from pathlib import Path

import nibabel as nib
import numpy as np
from isal import igzip
from numpy.typing import NDArray
from scipy import ndimage

from qsmbids.bids.series_results import SeriesResults
from qsmbids.bids.sidecar import write_text
from qsmbids.bids.volume import Grid, Image, Volume, finite, read
from qsmbids.reports import windows
from qsmbids.reports.comparison import BEFORE
from qsmbids.reports.environment import environment
from qsmbids.reports.view import view_of

_VOXELS = 3_000_000  # of all images together: about 2 MB in the file
_STEP_PPM = 0.001


def write_viewer(output_dir: Path, participant: str, series: SeriesResults) -> str:
    """Write the viewer of a series and return its path in the output folder.

    Empty, and nothing is written, where there is no map. An older viewer is replaced in one step.
    """
    path = output_dir / "logs" / f"sub-{participant}" / f"{series.key}_viewer.html"
    maps = {**series.chimaps, **{f"{desc}{BEFORE}": one for desc, one in series.before.items()}}
    first = next((volume for one in maps.values() if (volume := read(one.path))), None)
    if first is None:
        path.unlink(missing_ok=True)
        return ""
    image = series.images.get("magnitude")
    magnitude = read(image.path) if image else None
    grid = _grid(first, len(maps) + (magnitude is not None))
    maps_shown = [
        {"name": _name(desc, series), "data": _embedded(_steps(_on(one, grid)), grid, _STEP_PPM)}
        for desc, derivative in maps.items()
        if (one := read(derivative.path)) is not None  # one at a time, for they may be large
    ]
    html = (
        environment()
        .get_template("viewer.html.j2")
        .render(
            title=series.key,
            voxels=" \N{MULTIPLICATION SIGN} ".join(f"{edge:.3g}" for edge in grid.voxel_size),
            window=windows.TISSUE_PPM,
            magnitude=_embedded(_bytes(_on(magnitude, grid)), grid, 1.0) if magnitude else "",
            maps=maps_shown,
            library=_library(),
        )
    )
    write_text(path, html)
    return path.relative_to(output_dir).as_posix()


def _name(desc: str, series: SeriesResults) -> str:
    """Return what people call a map."""
    if desc in series.chimaps:
        return series.method(desc)
    return f"{series.method(desc.removesuffix(BEFORE))} before its fit"


def _grid(volume: Volume, images: int) -> Grid:
    """Return the grid of the shown part, coarse enough that all images together stay small."""
    view = view_of(volume)
    corner = [part.start for part in view.box]
    extent = np.array([part.stop - part.start for part in view.box]) * view.grid.voxel_size
    edge = (np.prod(extent) * images / _VOXELS) ** (1 / 3)
    edges = np.maximum(view.grid.voxel_size, edge)
    scale = edges / view.grid.voxel_size
    affine = view.grid.affine.copy()
    affine[:3, 3] = (affine @ [*(corner + (scale - 1) / 2), 1])[:3]
    affine[:3, :3] *= scale
    return Grid(tuple(int(n) for n in np.maximum(extent // edges, 1)), affine)


def _on(volume: Volume, grid: Grid) -> Image:
    """Return an image on a coarser grid, smoothed as much as that needs."""
    ratio = np.array(grid.voxel_size) / volume.grid.voxel_size
    width = np.sqrt(np.maximum(ratio**2 - 1, 0)) / np.sqrt(12)  # of a voxel's mean
    values = finite(volume.data)
    smooth = ndimage.gaussian_filter(values, width) if width.any() else values
    return Volume(smooth, volume.grid).resampled(grid)


def _steps(chi: Image) -> NDArray[np.int16]:
    return np.clip(np.round(chi / _STEP_PPM), -32000, 32000).astype(np.int16)


def _bytes(magnitude: Image) -> NDArray[np.uint8]:
    most = float(np.percentile(magnitude, 99.8)) or 1.0
    return np.asarray(np.clip(np.round(magnitude * (255 / most)), 0, 255), dtype=np.uint8)


def _embedded(values: NDArray[np.integer], grid: Grid, slope: float) -> str:
    """Return an image as compressed NIfTI, in the letters that HTML may hold."""
    image = nib.Nifti1Image(values, grid.affine)
    image.header.set_slope_inter(slope, 0)
    return _letters(image.to_bytes())


@cache
def _library() -> str:
    return _letters((files("qsmbids") / "data" / "niivue" / "niivue.umd.js").read_bytes())


def _letters(content: bytes) -> str:
    return base64.b64encode(igzip.compress(content, 3, mtime=0)).decode("ascii")
