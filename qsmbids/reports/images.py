"""The images of one series, read one at a time and cut to what a page shows."""

from __future__ import annotations

import numpy as np

from qsmbids.array_types import Mask
from qsmbids.bids.series_results import Derivative, SeriesResults
from qsmbids.bids.volume import Image, read
from qsmbids.physics import hz_per_ppm
from qsmbids.reports.view import View, view_of

_MASKS = ("brain", "eroded", "reliable")


class SeriesImages:
    """Holds the view and the masks of one series while its images pass by.

    Parameters
    ----------
    series : SeriesResults
        What stands in the output folder.

    Attributes
    ----------
    view : View or None
        Of the brain mask, else of the first image that can be read; None if none can.
    masks : dict of str to (x, y, z) bool array
        ``brain``, ``eroded`` and ``reliable``, as there are.
    notes : list of str
        Why something is not shown.
    strength : float or None
        Stated field strength in tesla.
    """

    def __init__(self, series: SeriesResults):
        self.series = series
        self.view: View | None = None
        self.masks: dict[str, Mask] = {}
        self.notes: list[str] = []
        strength = series.metadata("MagneticFieldStrength")
        known = isinstance(strength, (int, float)) and strength > 0
        self.strength = float(strength) if known else None
        for name in _MASKS:
            mask = self.cut(series.images.get(name))
            if mask is not None:
                self.masks[name] = mask > 0.5
        if self.view is None:
            every = [*series.chimaps.values(), *series.images.values()]
            volumes = (read(derivative.path) for derivative in every)
            self.view = next((view_of(one) for one in volumes if one is not None), None)

    @property
    def shown(self) -> View:
        """The view, once an image has been read."""
        if self.view is None:
            raise RuntimeError("no image of the series was read")
        return self.view

    def cut(self, derivative: Derivative | None) -> Image | None:
        """Return the shown part of an image; None, with a note, if it cannot be shown."""
        if derivative is None:
            return None
        name = derivative.path.name
        volume = read(derivative.path)
        if volume is None:
            self.notes.append(f"{name} cannot be read as a 3D image.")
            return None
        if self.view is None:
            self.view = view_of(volume)
        if not volume.grid.same(self.view.grid):
            self.notes.append(f"{name} lies on another grid and is not shown.")
            return None
        return self.view.cut(volume)

    def mask_of(self, image: Image) -> Mask:
        """Return the eroded mask, else the brain mask, else where the image is not zero."""
        for name in ("eroded", "brain"):
            if name in self.masks and self.masks[name].any():
                return self.masks[name]
        return np.asarray(image != 0)

    def inside(self, image: Image, mask: str = "eroded") -> Image:
        """Return an image with NaN, which is not drawn, off a mask; where it is 0 without one."""
        known = self.masks.get(mask, image != 0)
        return np.where(known, image, np.float32(np.nan))

    def in_ppm(self, field: Image) -> tuple[Image, str]:
        """Return a field in Hz in ppm, and its unit; in Hz if the field strength is not known."""
        return (field / hz_per_ppm(self.strength), "ppm") if self.strength else (field, "Hz")

    def volumes_ml(self) -> dict[str, float]:
        """Return the volume of each mask in ml."""
        if self.view is None:
            return {}
        voxel = float(np.prod(self.view.grid.voxel_size)) / 1000
        return {name: float(np.count_nonzero(one)) * voxel for name, one in self.masks.items()}
