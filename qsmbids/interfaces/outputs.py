"""Where the images of a series go; nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from qsmbids.bids import Series, derivative_path, desc_label
from qsmbids.bids.results import PICTURES


class Output(NamedTuple):
    """Where an image goes: its BIDS suffix, ``desc`` and folder; ``sort`` where desc names it not.

    ``desc`` tells masks and fields apart; that of a susceptibility map is its method.
    """

    suffix: str
    desc: str | None = None
    datatype: str = "anat"
    sort: str | None = None

    @property
    def kind(self) -> str:
        """What the sidecar calls it."""
        named = self.desc if self.suffix in ("mask", "fieldmap") else self.sort
        return f"{named}_{self.suffix}" if named else self.suffix

    def path(self, output_dir: Path, series: Series, space: str | None = None) -> Path:
        """Return the path of the image made from ``series``, or of that in a template's space."""
        return derivative_path(
            output_dir, series, self.suffix, space=space, desc=self.desc, datatype=self.datatype
        )


OUTPUTS = {
    "brain": Output("mask", "brain"),
    "eroded": Output("mask", "eroded"),
    "reliable": Output("mask", "reliable"),
    "total": Output("fieldmap", "total", "fmap"),
    "local": Output("fieldmap", "local", "fmap"),
    "magnitude": Output("magnitude", None, "fmap"),
    "registration": Output("T2starw", "registration", sort="registration"),
    "swi": Output("T2starw", "swi", sort="swi"),
    "minimum": Output("T2starw", "swiMinIP", sort="minimum"),
    "r2star": Output("R2starmap"),
    "t2star": Output("T2starmap"),
    "s0": Output("S0map"),
}


def chimap(method: str) -> Output:
    """Return where the susceptibility map of an inversion goes."""
    return Output("Chimap", method)


def uncertainty_map(method: str) -> Output:
    """Return where the uncertainty of that map goes."""
    return Output("Chimap", f"{method}Uncertainty", sort="Uncertainty")


def map_before_fit(method: str) -> Output:
    """Return where the map of a network goes from before it was fitted to the field."""
    return Output("Chimap", f"{method}Before", sort="Before")


def part_map(method: str, sign: str) -> Output:
    """Return where the paramagnetic or the diamagnetic part of that map goes."""
    return Output("Chimap", f"{method}{sign}", sort=sign)


def region_table(output_dir: Path, series: Series, atlas: str) -> Path:
    """Return where the table of a series' regions goes, beside the image of their labels."""
    return derivative_path(output_dir, series, "regions", seg=atlas, extension=".tsv")


def region_labels(output_dir: Path, series: Series, atlas: str) -> Path:
    """Return where the image of the regions' labels goes."""
    return derivative_path(output_dir, series, "dseg", seg=atlas)


def dicom_folder(output_dir: Path, series: Series, image: Output) -> Path:
    """Return where the DICOM images of an image go."""
    name = image.path(output_dir, series).name.removesuffix(".nii.gz")
    return output_dir / "dicom" / f"sub-{series.participant}" / name


def transform_path(output_dir: Path, series: Series, space: str) -> Path:
    """Return where the transform from a series to a template's space goes."""
    ends = f"from-scanner_to-{space}_mode-image_xfm"
    return derivative_path(output_dir, series, ends, extension=".h5")


def curve_path(output_dir: Path, series: Series, method: str) -> Path:
    """Return where the course of a method's fit goes: a table, one row an iteration."""
    name = f"{series.key}_desc-{desc_label(method)}_curve.tsv"
    return output_dir / "logs" / f"sub-{series.participant}" / name


def quality_path(output_dir: Path, series: Series) -> Path:
    """Return where it is written what was measured for the checks of a series."""
    return output_dir / "logs" / f"sub-{series.participant}" / f"{series.key}_quality.json"


def picture_paths(output_dir: Path, series: Series) -> dict[str, Path]:
    """Return where the pictures of a series' echoes go, by what they show."""
    folder = output_dir / "logs" / f"sub-{series.participant}"
    return {name: folder / f"{series.key}_{name}.webp" for name in PICTURES}


def note_path(work_dir: Path, series: Series) -> Path:
    """Return where it is noted what a combination of head orientations takes from a series."""
    return work_dir / "orientations" / f"{series.key}.json"


def subject_path(folder: Path, series: Series) -> Path:
    """Return where the local field of a series goes for networks to be trained on it."""
    return folder / f"{series.key}.npz"
