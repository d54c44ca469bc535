"""Reading the images of one scan onto one grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qsmbids.array_types import Mask
from qsmbids.bids import check
from qsmbids.bids.labels import label_names
from qsmbids.bids.series_results import Derivative
from qsmbids.bids.volume import Grid, Volume, read
from qsmbids.errors import InputError
from qsmbids.evaluation import Regions, regions_by_name
from qsmbids.evaluation.study.maps import Map, Scan
from qsmbids.evaluation.study.stack import Image, Stack

_INSIDE = 0.99  # of a resampled mask: what a neighbour outside has no share in
_RESAMPLED = "{} lies on another grid; it was resampled linearly by its affine."


def load_stack(scan: Scan) -> Stack:
    """Read a scan's maps, masks, reference and labels.

    All methods are measured where all masks and the reference are known, so that they can be
    compared; a map that has no mask does not narrow it. A map that cannot be used leaves the
    others alone.

    Raises
    ------
    InputError
        If no map, or the reference, cannot be used.
    """
    return _Loader(scan).load()


class _Loader:
    """Holds what is known while the images of one scan are read."""

    def __init__(self, scan: Scan):
        self.scan = scan
        self.grid: Grid | None = None
        self.maps: dict[str, Image] = {}
        self.masks: dict[str, Mask] = {}
        self.problems: dict[str, str] = {}
        self.notes: list[str] = []
        self.warnings: dict[str, list[str]] = {}

    def load(self) -> Stack:
        if self.scan.reference is None:
            raise InputError(self.scan.problem)
        for one in self.scan.maps:
            self.warnings[one.method] = []
            try:
                self._add_map(one)
            except InputError as error:
                self.problems[one.method] = str(error)
        if self.grid is None:
            raise InputError(next(iter(self.problems.values())))
        reference, support = self._reference(self.scan.reference)
        mask = self._common_mask(support)
        return Stack(
            grid=self.grid,
            reference=np.where(mask, reference, np.float32(0)),
            mask=mask,
            maps=self.maps,
            regions=self._regions(),
            problems=self.problems,
            notes=self.notes,
            warnings=self.warnings,
        )

    def _add_map(self, one: Map) -> None:
        if one.image is None or one.problem:
            raise InputError(one.problem)
        _check_units(one.image)
        volume = _read(one.image.path)
        mask = _read(one.mask) if one.mask else None
        name = one.image.path.name
        if not _has_values(volume.data):
            raise InputError(f"{name} holds no values but zero and NaN; make it again.")
        self.grid = self.grid or volume.grid
        if self._is_elsewhere(volume):
            self.warnings[one.method].append(_RESAMPLED.format(name))
        chi = self._on_grid(volume)
        if not _has_values(chi):
            raise InputError(
                f"{name} lies elsewhere than the first map of {self.scan.key}; correct its affine."
            )
        self.maps[one.method] = chi
        if mask is not None:
            self.masks[one.method] = self._on_grid(mask) > _INSIDE

    def _is_elsewhere(self, volume: Volume) -> bool:
        """Tell whether an image lies on another grid than the scan's first map."""
        return self.grid is not None and not _same(volume.grid, self.grid)

    def _on_grid(self, volume: Volume, order: int = 1) -> Image:
        if self.grid is None or not self._is_elsewhere(volume):
            return volume.data
        return volume.resampled(self.grid, order)

    def _reference(self, path: Path) -> tuple[Image, Mask]:
        """Return the reference, and where it is known."""
        import scipy.ndimage as ndi

        _check_units(Derivative(path))
        volume = _read(path)
        finite = np.isfinite(volume.data)
        # what is 0 ppm within the brain is known as well
        known = ndi.binary_fill_holes(finite & (volume.data != 0)) & finite
        if not known.any():
            raise InputError(f"The reference {path.name} holds no values but zero and NaN.")
        if self._is_elsewhere(volume):
            self.notes.append(_RESAMPLED.format(f"The reference {path.name}"))
        support = self._on_grid(Volume(known.astype(np.float32), volume.grid)) > _INSIDE
        values = np.where(known, volume.data, np.float32(0))
        return self._on_grid(Volume(values, volume.grid)), support

    def _common_mask(self, support: Mask) -> Mask:
        """Return where the reference and all masks are known."""
        common = support.copy()
        for mask in self.masks.values():
            common &= mask
        if not common.any():
            raise InputError(
                f"The reference and the maps of {self.scan.key} have no voxel in common; is it "
                "the reference of that participant?"
            )
        if not self.masks:
            self.notes.append(
                "No mask (desc-eroded_mask) lies beside the maps; the reference's support counts."
            )
        for method, chi in self.maps.items():
            missing = int(np.count_nonzero(common & ~np.isfinite(chi)))
            if missing:
                self.warnings[method].append(
                    f"{missing} voxels of the mask are not finite and count as zero."
                )
        for method, mask in self.masks.items():
            own = np.count_nonzero(mask & support)
            if np.count_nonzero(common) < own:
                share = 100 * np.count_nonzero(common) / own
                self.warnings[method].append(
                    f"Measured in the {share:.1f} % of its mask in which all maps are known."
                )
        return common

    def _regions(self) -> Regions:
        """Return the regions of the label image; none without one that can be used."""
        path = self.scan.labels
        if path is None:
            self.notes.append("No label image (*_dseg) was found; regions were not measured.")
            return Regions()
        try:
            volume, names = _read(path), label_names(path)
        except InputError as error:
            self.notes.append(f"Regions were not measured: {error}")
            return Regions()
        if self._is_elsewhere(volume):
            self.notes.append(f"{path.name} lies on another grid; nearest labels were taken.")
        return regions_by_name(np.rint(self._on_grid(volume, order=0)), names)


def _read(path: Path) -> Volume:
    check.read_grid(path, path.name)
    volume = read(path)
    if volume is None:
        raise InputError(f"{path.name} cannot be read as one 3D image; export or copy it again.")
    return volume


def _has_values(chi: Image) -> bool:
    return bool(np.any(np.isfinite(chi) & (chi != 0)))


def _check_units(image: Derivative) -> None:
    units = image.sidecar.get("Units", "ppm")
    if units != "ppm":
        raise InputError(f"Units of {image.path.name} is {units}; convert the map to ppm.")


def _same(one: Grid, other: Grid) -> bool:
    first, second = (check.Grid("", g.shape, g.affine, oriented=True) for g in (one, other))
    return first.difference(second) is None
