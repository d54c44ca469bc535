"""A small output folder of one participant, made without a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from qsmbids.physics import forward_field, hz_per_ppm

SHAPE = (24, 30, 20)
AFFINE = np.diag([8.0, 7.0, 9.0, 1.0])
ZOOM = (8.0, 7.0, 9.0)


def ball(radius: float = 0.8) -> np.ndarray:
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    return sum(a**2 for a in axes) < radius**2


def chi_map() -> np.ndarray:
    chi = np.random.default_rng(0).normal(0, 0.03, SHAPE)
    chi[10:13, 14:17, 9:12] += 0.3
    return (chi * ball()).astype(np.float32)


def save(out: Path, name: str, data: np.ndarray, **sidecar: Any) -> Path:
    path = out / "sub-01" / f"{name}.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, AFFINE), path)
    sidecar = {"MagneticFieldStrength": 3, **sidecar}
    path.with_name(path.name.replace(".nii.gz", ".json")).write_text(json.dumps(sidecar))
    return path


def save_failure(out: Path, key: str = "sub-01", **told: str) -> Path:
    """Write the word of a series that failed, and return the participant's log folder."""
    logs = out / "logs" / key.split("_")[0]
    logs.mkdir(parents=True, exist_ok=True)
    failure = {"series": key, "stage": "Mask", "message": "The mask is empty.", **told}
    (logs / f"{key}_error.json").write_text(json.dumps(failure))
    return logs


def save_map(out: Path, key: str = "sub-01", method: str = "tkd", **block: Any) -> Path:
    stages = [
        {"Name": "Mask", "Method": "network", "Parameters": {}},
        {
            "Name": "Total field",
            "Method": "linear",
            "Parameters": {"Unwrapping": "best-path"},
            "Residual": 0.07,
        },
        {"Name": "Background field", "Method": "resharp", "Parameters": {"radius": 6.0}},
        {"Name": "Inversion", "Method": method, "Parameters": {"threshold": 0.19}, "Seconds": 1.2},
    ]
    qsmbids = {
        "Version": "9.9",
        "Method": method,
        "MethodLabel": f"Label of {method}",
        "Stages": stages,
        **block,
    }
    name = f"anat/{key}_desc-{method}_Chimap"
    return save(out, name, chi_map(), Qsmbids=qsmbids, Sources=["bids::sub-01_MEGRE.nii.gz"])


def save_everything(out: Path) -> None:
    field = forward_field(chi_map(), ZOOM) * ball() * hz_per_ppm(3)
    save_map(out, Warnings=["<b>bold</b> & sharp"], Reference="mean of the mask")
    save_map(out, method="tv")
    save(out, "anat/sub-01_R2starmap", 20 * ball().astype(np.float32))
    save(out, "anat/sub-01_desc-brain_mask", ball().astype(np.uint8))
    save(out, "anat/sub-01_desc-eroded_mask", ball(0.75).astype(np.uint8))
    save(out, "fmap/sub-01_magnitude", 100 * ball().astype(np.float32))
    save(out, "fmap/sub-01_desc-total_fieldmap", field.astype(np.float32))
    save(out, "fmap/sub-01_desc-local_fieldmap", field.astype(np.float32))
