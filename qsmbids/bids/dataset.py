"""The files at the root of the output dataset."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from qsmbids.bids.sidecar import write_json, write_text
from qsmbids.errors import InputError
from qsmbids.files import load_json
from qsmbids.settings import Settings

BIDS_VERSION = "1.10.0"
CODE_URL = "https://github.com/qsmbids/qsmbids"
IGNORED = (
    *("*.html", "logs", "**/figures", "**/log", "training", "evaluation", "work", "dicom"),
    *("group*", "*_regions.tsv", "*_regions.json", "*_xfm.h5"),
)


def write_dataset_description(settings: Settings) -> None:
    """Write ``dataset_description.json``, ``.bidsignore`` and ``README`` into the output folder.

    Parallel jobs may do so at once: each writes whole files of the same content.
    """
    output = settings.output_dir
    write_json(output / "dataset_description.json", _description(settings))
    write_ignored(output)
    write_text(output / "README", _README)


def write_ignored(output: Path) -> None:
    """Write ``.bidsignore``: what in the output folder is no derivative."""
    write_text(output / ".bidsignore", "\n".join(IGNORED) + "\n")


def make_writable(folder: Path) -> None:
    """Make a folder if it is not there; raise `InputError` if it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise InputError(
            f"{folder} cannot be written to ({reason}); choose another folder."
        ) from error


def _description(settings: Settings) -> dict[str, Any]:
    from qsmbids import __version__

    inputs = {"raw": settings.bids_dir, **settings.derivatives}
    links = _links_before(settings.output_dir / "dataset_description.json")
    links |= {name: Path(path).resolve().as_uri() for name, path in inputs.items()}
    return {
        "Name": "qsmbids: quantitative susceptibility maps",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "qsmbids", "Version": __version__, "CodeURL": CODE_URL}],
        "SourceDatasets": [{"URL": link} for link in links.values()],
        "DatasetLinks": links,
    }


def raw_dataset(output: Path) -> Path | None:
    """Return the folder of the raw dataset that an output folder was made from, if it is there."""
    link = _links_before(output / "dataset_description.json").get("raw", "")
    place = urlsplit(link)
    root = Path(unquote(place.path))
    return root if place.scheme == "file" and root.is_dir() else None


def _links_before(path: Path) -> dict[str, str]:
    """Return the links of earlier runs, whose sidecars still point to them."""
    try:
        return dict(load_json(path)["DatasetLinks"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


_README = """\
Quantitative susceptibility maps made by qsmbids.

sub-*.html               a page for each participant: open it first
group.html, group.tsv    all participants, written by `group`
*_Chimap.nii.gz          susceptibility in ppm, one map a method (desc-<method>)
*_R2starmap, *_T2starmap, *_S0map
                         decay rate in 1/s, decay time in s, signal at echo time 0
*_desc-swi_T2starw, *_desc-swiMinIP_T2starw
                         susceptibility-weighted image, and its minimum over axial slabs
*_desc-<method>Paramagnetic_Chimap, *Diamagnetic_Chimap
                         what sources of either sign add to the map, in ppm
*_mask.nii.gz            desc-brain: the brain; desc-reliable: where its phase can be trusted;
                         desc-eroded: where susceptibility was computed
*_fieldmap.nii.gz        desc-total and desc-local: the field in Hz before and after removal of
                         the background
logs/                    a log of each run, citations of what was run, crash files

The JSON file beside each image says from what and how it was made.
"""
