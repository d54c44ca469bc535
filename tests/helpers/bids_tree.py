"""Small BIDS datasets on disk, for the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from qsmbids.bids import Inventory, Series
from qsmbids.settings import Settings

SHAPE = (6, 7, 5)
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def write_image(
    path: Path,
    *,
    shape: tuple[int, ...] = SHAPE,
    affine: np.ndarray = AFFINE,
    meta: dict[str, Any] | None = None,
    dtype: type = np.float32,
    fill: float = 1.0,
) -> Path:
    """Write a tiny image, and its sidecar where ``meta`` is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.full(shape, fill, dtype), affine), path)
    if meta is not None:
        write_meta(path, meta)
    return path


def write_meta(image: Path, meta: dict[str, Any]) -> Path:
    """Write the sidecar of an image."""
    path = image.with_name(image.name.split(".")[0] + ".json")
    path.write_text(json.dumps(meta))
    return path


def write_description(root: Path, **more: Any) -> Path:
    """Write the description of a dataset."""
    root.mkdir(parents=True, exist_ok=True)
    content = {"Name": "test", "BIDSVersion": "1.10.0", **more}
    (root / "dataset_description.json").write_text(json.dumps(content))
    return root


def write_derivatives(root: Path) -> Path:
    """Write the description of a derivatives dataset."""
    return write_description(root, DatasetType="derivative", GeneratedBy=[{"Name": "other"}])


def add_series(
    root: Path,
    stem: str = "sub-01",
    *,
    echoes: int = 3,
    suffix: str = "MEGRE",
    parts: tuple[str, str] = ("mag", "phase"),
    digits: int = 1,
    **meta: Any,
) -> list[Path]:
    """Write a series of two parts; its folder follows from the stem. No ``echoes`` is one."""
    folder = root
    for entity in stem.split("_"):
        if entity.startswith(("sub-", "ses-")):
            folder /= entity
    written = []
    for number in range(1, max(echoes, 1) + 1):
        echo = f"_echo-{number:0{digits}d}" if echoes else ""
        for part in parts:
            label = f"_part-{part}" if part else ""
            stated = {"EchoTime": 0.004 * number, "MagneticFieldStrength": 3, **meta}
            if part == "phase":
                stated["Units"] = "arbitrary"
            name = f"{stem}{echo}{label}_{suffix}.nii.gz"
            written.append(write_image(folder / "anat" / name, meta=stated))
    return written


def add_fieldmap(root: Path, label: str = "01", **files: dict[str, Any]) -> list[Path]:
    """Write images of ``fmap/`` by their suffixes, each with its sidecar, all at 3 T."""
    folder = root / f"sub-{label}" / "fmap"
    return [
        write_image(
            folder / f"sub-{label}_{suffix}.nii.gz", meta={"MagneticFieldStrength": 3, **meta}
        )
        for suffix, meta in files.items()
    ]


def settings_for(root: Path, **more: Any) -> Settings:
    """Return the settings of a run on a dataset; by total variation if nothing else is said."""
    more.setdefault("methods", ("tv",))
    beside = root.parent
    return Settings(root, beside / "out", beside / "work", **more)


def only(inventory: Inventory) -> Series:
    """Return the one series that was found, nothing having been left out."""
    assert not inventory.skipped
    (series,) = inventory.series
    return series
