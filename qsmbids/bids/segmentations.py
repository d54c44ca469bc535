"""Label images of a participant's brain regions that other tools have left in derivatives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from qsmbids.bids.derived import belongs
from qsmbids.bids.names import entities_of
from qsmbids.bids.series import Series

FREESURFER = {
    "aseg.mgz": "aseg",
    "aparc.DKTatlas+aseg.deep.mgz": "aparcdktaseg",
    "aparc+aseg.mgz": "aparcaseg",
    "synthseg.mgz": "synthseg",
}
"""Names in a ``mri`` folder of FreeSurfer, FastSurfer or SynthSeg, the best first, and ours."""
DESCS = ("aseg", "synthseg", "aparcaseg", "aparcdktaseg", "fastsurfer", "")
"""Labels of ``desc`` or ``seg`` of a segmentation in a BIDS dataset, the best first; none last."""


def with_segmentation(
    series: Series, derivatives: Mapping[str, Path], referred: bool = False
) -> Series:
    """Return the series with a segmentation of the participant's brain, or a warning.

    Parameters
    ----------
    series : Series
        What it is looked for.
    derivatives : mapping of str to Path
        Folders of derivatives datasets by name; the first that has one counts.
    referred : bool
        Whether susceptibility was to be relative to a region.

    Returns
    -------
    Series
        With ``segmentation`` and its dataset among ``sources``; with a warning if there is none.
    """
    for name, root in derivatives.items():
        for path in (*_of_bids(root, series), *_of_freesurfer(root, series)):
            uri = f"bids:{name}:{path.relative_to(root).as_posix()}"
            return replace(series, segmentation=path, sources=(*series.sources, uri))
    told = (
        f"{series.key} has no segmentation in the datasets given with --derivatives (such as "
        "anat/*_desc-aseg_dseg.nii.gz or mri/aseg.mgz), so its regions were left out"
    )
    told += ", and susceptibility is relative to the mean over the mask." if referred else "."
    return replace(series, warnings=(*series.warnings, told))


def segmentation_label(path: Path) -> str:
    """Return the value of ``seg`` in the names of what is made from a segmentation.

    >>> segmentation_label(Path("aseg.mgz")), segmentation_label(Path("sub-1_seg-x_dseg.nii.gz"))
    ('aseg', 'x')
    """
    named = entities_of(path)
    return FREESURFER.get(path.name) or named.get("desc") or named.get("seg", "labels")


def _of_bids(root: Path, series: Series) -> Iterator[Path]:
    """Give the label images in ``anat/`` of the participant, the best first."""
    ranked = []
    for path in sorted((Path(root) / f"sub-{series.participant}").rglob("*_dseg.nii*")):
        named = entities_of(path)
        label = named.get("desc", named.get("seg", ""))
        own = {n: v for n, v in named.items() if n in ("sub", "ses")}
        if label in DESCS and "space" not in named and own.items() <= series.entities.items():
            ranked.append((not belongs(path, series.entities), DESCS.index(label), path))
    yield from (path for *_, path in sorted(ranked))


def _of_freesurfer(root: Path, series: Series) -> Iterator[Path]:
    """Give the label images of the participant's folder among FreeSurfer's subjects."""
    subject = f"sub-{series.participant}"
    sessions = [f"{subject}_ses-{series.session}"] if series.session else []
    for folder in (*sessions, subject):
        paths = (Path(root) / folder / "mri" / name for name in FREESURFER)
        yield from (path for path in paths if path.is_file())
