"""Mean and standard deviation of a study's maps in a template's space."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from isal import igzip
from numpy.typing import NDArray

from qsmbids import __version__
from qsmbids.bids.series_results import read_json
from qsmbids.bids.sidecar import write_json
from qsmbids.bids.volume import Grid, Volume, read
from qsmbids.errors import InputError
from qsmbids.files import whole_file

_NAME = re.compile(
    r"_space-([A-Za-z0-9]+)(?:_res-[A-Za-z0-9]+)?(?:_desc-([A-Za-z0-9]+))?_(Chimap|R2starmap)\.nii\.gz$"
)
_Name = tuple[str, str, str]  # template, method, suffix
_UNITS = {"Chimap": "ppm", "R2starmap": "1/s"}
_BESIDE = ("Uncertainty", "Before")  # of maps that are no results of their own
_AT_LEAST = 0.5  # of the maps must know a voxel
_AT_ONCE = 4


@dataclass(frozen=True)
class TemplateMap:
    """Mean and SD of one map over the participants, on the template's grid.

    Attributes
    ----------
    space, method, suffix : str
        The template, ``desc`` of the maps (empty if they have none) and their BIDS suffix.
    mean, sd : Volume
        Zero where fewer than half of the maps are known.
    n : int
        How many maps went in.
    left_out : list of str
        Files on another grid, or that cannot be read.
    """

    space: str
    method: str
    suffix: str
    mean: Volume
    sd: Volume
    n: int
    left_out: list[str]

    @property
    def unit(self) -> str:
        """The unit of the values."""
        return _UNITS[self.suffix]

    @property
    def title(self) -> str:
        """What the maps are called."""
        return " ".join(filter(None, (self.suffix, self.method, f"({self.space})")))


def average(output_dir: Path, participants: Iterable[str]) -> list[TemplateMap]:
    """Average the maps that were brought to a template, and write mean and SD to ``group/``.

    Of several series of a participant, the first counts. What was averaged before from the same
    files is read again instead.

    Parameters
    ----------
    output_dir, participants
        As in `qsmbids.reports.group.rows.gather_rows`.

    Returns
    -------
    list of TemplateMap
        One for each template, method and kind of map of which there are two or more.
    """
    found: dict[_Name, list[Path]] = {}
    for label in participants:
        own: dict[_Name, Path] = {}
        for path in sorted((output_dir / f"sub-{label}").rglob("*_space-*map.nii.gz")):
            named = _NAME.search(path.name)
            if named and not (named[2] or "").endswith(_BESIDE):
                own.setdefault((named[1], named[2] or "", named[3]), path)
        for name, path in own.items():
            found.setdefault(name, []).append(path)
    return [_averaged(output_dir, name, paths) for name, paths in found.items() if len(paths) > 1]


def _averaged(output_dir: Path, name: _Name, paths: Sequence[Path]) -> TemplateMap:
    places = [_place(output_dir, name, what) for what in ("Mean", "SD")]
    signed = {path.relative_to(output_dir).as_posix(): _signature(path) for path in paths}
    told = read_json(_sidecar(places[1]))
    if told.get("Averaged") == signed:
        mean, sd = map(read, places)
        if mean and sd:
            return TemplateMap(*name, mean, sd, int(told["N"]), list(told["LeftOut"]))
    mean, sd, odd = _sum(paths)
    left_out = [path.relative_to(output_dir).as_posix() for path in odd]
    for what, place, volume in (("Mean", places[0], mean), ("SD", places[1], sd)):
        _save(place, volume)
        block = {
            "Description": f"{what} over participants; 0 where fewer than half of them are known",
            "Units": _UNITS[name[2]],
            "SkullStripped": True,
            "N": len(paths) - len(left_out),
            "LeftOut": left_out,
            "Sources": [f"bids::{path}" for path in signed if path not in left_out],
            "Averaged": signed,
            "GeneratedBy": [{"Name": "qsmbids", "Version": __version__}],
        }
        write_json(_sidecar(place), block)
    return TemplateMap(*name, mean, sd, len(paths) - len(left_out), left_out)


def _place(output_dir: Path, name: _Name, what: str) -> Path:
    space, method, suffix = name
    return output_dir / "group" / f"space-{space}_desc-{method}{what}_{suffix}.nii.gz"


def _sidecar(image: Path) -> Path:
    return image.with_name(image.name.removesuffix(".nii.gz") + ".json")


def _signature(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _sum(paths: Sequence[Path]) -> tuple[Volume, Volume, list[Path]]:
    """Return mean and SD of the maps, and those that lie on another grid than the first."""
    grid: Grid | None = None
    left_out = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for chunk in range(0, len(paths), _AT_ONCE):
            some = paths[chunk : chunk + _AT_ONCE]
            for path, volume in zip(some, pool.map(read, some), strict=True):
                if volume is None or (grid is not None and not grid.same(volume.grid)):
                    left_out.append(path)
                    continue
                if grid is None:
                    grid = volume.grid
                    count, total, squares = (np.zeros(grid.shape) for _ in range(3))
                values = np.nan_to_num(volume.data, nan=0.0, posinf=0.0, neginf=0.0)
                count += values != 0
                total += values
                squares += np.square(values, dtype=np.float64)
    if grid is None:
        raise InputError(f"{paths[0]} cannot be read, nor can the others; process them again.")
    known = count >= max(_AT_LEAST * (len(paths) - len(left_out)), 2)
    n = np.where(known, count, 2)
    mean = np.where(known, total / n, 0)
    variance = np.where(known, (squares - n * mean**2) / (n - 1), 0)
    return _volume(mean, grid), _volume(np.sqrt(np.maximum(variance, 0)), grid), left_out


def _volume(values: NDArray[np.float64], grid: Grid) -> Volume:
    return Volume(values.astype(np.float32), grid)


def _save(path: Path, volume: Volume) -> None:
    image = nib.Nifti1Image(volume.data, volume.grid.affine)
    with whole_file(path) as stream:
        stream.write(igzip.compress(image.to_bytes(), 1, mtime=0))
