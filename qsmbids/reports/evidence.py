"""The pictures and numbers of one series, read from its images one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from qsmbids.bids.results import Derivative, Series
from qsmbids.bids.volume import Grid, Image, Volume, read
from qsmbids.physics import hz_per_ppm
from qsmbids.reports import figures, slices
from qsmbids.reports.checks import Check, maps, series_checks
from qsmbids.reports.checks.maps import ForwardModel
from qsmbids.reports.view import Mask, View, view_of

TISSUE_PPM = (-0.1, 0.1)
WIDE_PPM = (-0.5, 0.5)
LOCAL_PPM = (-0.05, 0.05)


@dataclass(frozen=True)
class Picture:
    """One picture: heading, caption, alternative text and data URI."""

    title: str
    caption: str
    alt: str
    uri: str


@dataclass
class MapEvidence:
    """What is shown of one susceptibility map; ``wide`` is folded away."""

    desc: str
    label: str
    pictures: list[Picture] = field(default_factory=list)
    wide: list[Picture] = field(default_factory=list)
    fit: Picture | None = None
    checks: list[Check] = field(default_factory=list)


@dataclass
class Evidence:
    """What is shown of one series; ``notes`` say why something is not."""

    pictures: list[Picture] = field(default_factory=list)
    maps: list[MapEvidence] = field(default_factory=list)
    histogram: Picture | None = None
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    view: View | None = None


def examine(series: Series) -> Evidence:
    """Return the pictures and numbers of a series; what is missing or damaged is left out."""
    examiner = _Examiner(series)
    examiner.run()
    return examiner.evidence


class _Examiner:
    """Holds the view and the masks of one series while its images pass by."""

    def __init__(self, series: Series):
        self.series = series
        self.evidence = Evidence()
        self.masks: dict[str, Mask] = {}
        self.forward: ForwardModel | None = None
        self.r2star: Image | None = None
        strength = series.metadata("MagneticFieldStrength")
        known = isinstance(strength, (int, float)) and strength > 0
        self.strength = float(strength) if known else None
        self.hz_per_ppm = hz_per_ppm(strength) if known else None

    def run(self) -> None:
        """Look at the masks, then magnitude, fields and decay, then each map."""
        self._masks()
        for role, show in (
            ("magnitude", self._magnitude),
            ("registration", self._registration),
            ("total", self._total),
            ("local", self._local),
            ("r2star", self._r2star),
            ("swi", self._weighted),
            ("minimum", self._minimum),
        ):
            image = self._cut(self.series.images.get(role))
            if image is not None:
                self.evidence.pictures.append(show(image))
        self._judge()
        inside: dict[str, Image] = {}
        for desc, derivative in self.series.chimaps.items():
            chi = self._cut(derivative)
            if chi is not None:
                label = str(derivative.provenance.get("MethodLabel") or desc)
                inside[label] = chi[self._mask_of(chi)]
                evidence = self._map(desc, label, chi, inside[label])
                self._uncertainty(desc, evidence)
                evidence.pictures += self._parts(desc, label)
                evidence.fit = self._fit(desc, label)
                self.evidence.maps.append(evidence)
        filled = {label: values for label, values in inside.items() if values.size}
        if filled:
            self.evidence.histogram = _histogram(filled)

    def _masks(self) -> None:
        for name in ("brain", "eroded"):
            mask = self._cut(self.series.images.get(name))
            if mask is not None:
                self.masks[name] = mask > 0.5
        if self.evidence.view is not None:
            return
        for derivative in [*self.series.chimaps.values(), *self.series.images.values()]:
            volume = read(derivative.path)
            if volume is not None:
                self.evidence.view = view_of(volume)
                return

    def _judge(self) -> None:
        """Look at what was measured during the run, and at the masks."""
        ml = {}
        if self.evidence.view is not None:
            voxel = float(np.prod(self.evidence.view.grid.voxel_size)) / 1000
            ml = {name: float(np.count_nonzero(one)) * voxel for name, one in self.masks.items()}
        decay = None
        if self.r2star is not None and (inside := self.r2star[self._mask_of(self.r2star)]).any():
            decay = float(np.median(inside))
        self.evidence.checks += series_checks(
            self.series.measured,
            strength=self.strength,
            r2star=decay,
            volume=ml.get("brain"),
            doubts=self.series.mask_doubts,
        )
        if ml.get("brain") and "eroded" in ml:
            self.evidence.checks.append(maps.kept_check(ml["brain"], ml["eroded"]))

    def _cut(self, derivative: Derivative | None) -> Image | None:
        """Return the shown part of an image; None, with a note, if it cannot be shown."""
        if derivative is None:
            return None
        name = derivative.path.name
        volume: Volume | None = read(derivative.path)
        if volume is None:
            self.evidence.notes.append(f"{name} cannot be read as a 3D image.")
            return None
        if self.evidence.view is None:
            self.evidence.view = view_of(volume)
        view = self.evidence.view
        if not volume.grid.same(view.grid):
            self.evidence.notes.append(f"{name} lies on another grid and is not shown.")
            return None
        return view.cut(volume)

    def _view(self) -> View:
        if self.evidence.view is None:  # an image was cut before anything is drawn
            raise RuntimeError("no image of the series was read")
        return self.evidence.view

    def _mask_of(self, image: Image) -> Mask:
        """Return the eroded mask, else the brain mask, else where the image is not zero."""
        for name in ("eroded", "brain"):
            if name in self.masks and self.masks[name].any():
                return self.masks[name]
        return np.asarray(image != 0)

    def _planes(
        self,
        title: str,
        caption: str,
        image: Image,
        window: tuple[float, float],
        unit: str,
        outlines: Mapping[str, Mask] | None = None,
    ) -> Picture:
        panels = slices.planes(image, self._view(), outlines or {})
        return Picture(
            title,
            f"{caption} Grey window {_range(window, unit)}.",
            f"{title}: axial, coronal and sagittal slice.",
            slices.strip(panels, window, unit),
        )

    def _magnitude(self, image: Image) -> Picture:
        drawn = " and ".join(
            f"{name} mask ({colour})"
            for name, colour in (("brain", "blue"), ("eroded", "yellow"))
            if name in self.masks
        )
        caption = f"Outlines: {drawn}." if drawn else "No mask was found."
        inside = image[self._mask_of(image)]
        window = figures.positive_window(inside, 99.5)
        return self._planes("Magnitude", caption, image, window, "a.u.", self.masks)

    def _registration(self, image: Image) -> Picture:
        caption = (
            "A checkerboard of the first head orientation and the mean of the others. Expect edges "
            "that go on from field to field; steps are a registration that failed."
        )
        window = figures.positive_window(image[self._mask_of(image)], 99.5)
        return self._planes("Registration", caption, image, window, "a.u.")

    def _in_ppm(self, image: Image) -> tuple[Image, str]:
        return (image, "Hz") if self.hz_per_ppm is None else (image / self.hz_per_ppm, "ppm")

    def _total(self, image: Image) -> Picture:
        image, unit = self._in_ppm(image)
        window = figures.symmetric_window(image[self._mask_of(image)])
        image = _without_zeros(image)
        caption = "Expect a smooth field inside the brain; a jump is a phase wrap that was left."
        return self._planes("Total field", caption, image, window, unit)

    def _local(self, image: Image) -> Picture:
        field, unit = self._in_ppm(image)
        mask = self._mask_of(field)
        if unit == "ppm" and mask.any():
            grid = self._view().grid
            try:
                self.forward = ForwardModel(field, mask, grid.voxel_size, self._b0(grid))
            except ValueError as error:
                self.evidence.notes.append(f"The forward model was not checked: {error}.")
        window = LOCAL_PPM if unit == "ppm" else figures.symmetric_window(field[mask])
        caption = "Slow shading towards the rim or the sinuses is background that was left."
        return self._planes("Local field", caption, _without_zeros(field), window, unit)

    def _b0(self, grid: Grid) -> Sequence[float]:
        """Return B0 along the grid's axes: as the inversion took it, else as the affine has it."""
        stated = self.series.images["local"].provenance.get("B0Direction")
        return grid.b0_direction if stated is None else grid.turned(stated)

    def _r2star(self, image: Image) -> Picture:
        self.r2star = image
        window = figures.positive_window(image[self._mask_of(image)], 98)
        caption = "Expect veins and iron-rich deep grey matter bright, and where signal is lost."
        return self._planes("R2*", caption, _without_zeros(image), window, "1/s")

    def _weighted(self, image: Image) -> Picture:
        window = figures.positive_window(image[self._mask_of(image)], 99.5)
        caption = "Expect veins and bleedings dark; what is dark may be paramagnetic or calcified."
        return self._planes("Susceptibility-weighted image", caption, image, window, "a.u.")

    def _minimum(self, image: Image) -> Picture:
        window = figures.positive_window(image[self._mask_of(image)], 99.5)
        caption = "Its least value over an axial slab about each slice: veins join to trees."
        return self._planes("Minimum-intensity projection", caption, image, window, "a.u.")

    def _parts(self, desc: str, label: str) -> Iterator[Picture]:
        """Give the paramagnetic part of a map, with what limits it, and the diamagnetic part."""
        positive, negative = self.series.paramagnetic.get(desc), self.series.diamagnetic.get(desc)
        limits = " ".join(map(str, positive.provenance.get("Limits") or [])) if positive else ""
        for sign, derivative, window, caption in (
            ("Paramagnetic", positive, (0.0, 0.15), limits),
            ("Diamagnetic", negative, (-0.15, 0.0), "Dark is strong. The same limits hold."),
        ):
            image = self._cut(derivative)
            if image is not None:
                yield self._planes(f"{sign} part, {label}", caption, image, window, "ppm")

    def _map(self, desc: str, label: str, chi: Image, inside: Image) -> MapEvidence:
        view, shown = self._view(), _without_zeros(chi)
        evidence = MapEvidence(desc, label)
        caption = "Expect veins and deep grey matter bright, without streaks around them."
        evidence.pictures.append(
            self._planes(f"Susceptibility, {label}", caption, shown, TISSUE_PPM, "ppm")
        )
        for window, pictures in ((TISSUE_PPM, evidence.pictures), (WIDE_PPM, evidence.wide)):
            panels = slices.axials(shown, view, {})
            pictures.append(
                Picture(
                    f"Axial slices, {label}",
                    f"From below to above. Grey window {_range(window, 'ppm')}.",
                    f"{len(panels)} axial slices of the susceptibility map by {label}.",
                    slices.strip(panels, window, "ppm", columns=4),
                )
            )
        if inside.size:
            evidence.checks += maps.map_checks(inside)
            if self.r2star is not None:
                decay = self.r2star[self._mask_of(chi)]
                evidence.checks += filter(None, [maps.iron_check(inside, decay)])
            if self.forward is not None:
                evidence.checks.append(
                    maps.residual_check(self.forward.residual(chi), self.forward.noise)
                )
        return evidence

    def _uncertainty(self, desc: str, evidence: MapEvidence) -> None:
        """Put the map's uncertainty right behind its three planes."""
        sigma = self._cut(self.series.uncertainties.get(desc))
        if sigma is None:
            return
        window = figures.positive_window(sigma[self._mask_of(sigma)], 99)
        caption = (
            "How far the map may be off, both relative to their mean: learnt on simulated fields "
            "so that two of three voxels are no further from the truth. Fewer are where background "
            "field is left, and in veins and lesions. Bright is doubtful."
        )
        title = f"Uncertainty, {evidence.label}"
        shown = _without_zeros(sigma)
        evidence.pictures.insert(1, self._planes(title, caption, shown, window, "ppm"))

    def _fit(self, desc: str, label: str) -> Picture | None:
        """Return the course of the fit that made a map, if it is a fit's."""
        curves = self.series.curves.get(desc)
        if not curves:
            return None
        told = self.series.chimaps[desc].provenance.get("Fit")
        kept = told.get("KeptIteration") if isinstance(told, Mapping) else None
        return Picture(
            f"Course of the fit, {label}",
            "The held-out error is that of voxels that the fit does not see; it rises once noise "
            "is fitted. The map is of the iteration at the dotted line, where that error is least.",
            f"{', '.join(curves)} against iterations of {label}.",
            figures.course(curves, kept if isinstance(kept, int) else None),
        )


def _histogram(values: Mapping[str, Image]) -> Picture:
    return Picture(
        "Distribution of susceptibility",
        "Share of the mask's voxels by value, logarithmic.",
        f"Histogram of susceptibility in the mask by {', '.join(values)}.",
        figures.histogram(values),
    )


def _without_zeros(image: Image) -> Image:
    """Return the image with NaN for 0: what a stage left out is not drawn."""
    return np.where(image == 0, np.float32(np.nan), image)


def _range(window: tuple[float, float], unit: str) -> str:
    return f"{window[0]:g} to {window[1]:g} {unit}".replace("-", "\N{MINUS SIGN}")
