"""A small dataset with real physics in it: a sphere of tissue in air with sources inside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from qsmbids.physics import forward_field, hz_per_ppm

SHAPE, VOXEL = (40, 42, 38), (3.0, 3.0, 3.0)
ECHO_TIMES, B0 = (0.005, 0.010, 0.015), 3.0


def _sphere(centre: tuple[float, float, float], radius: float) -> np.ndarray:
    axes = np.ogrid[tuple(slice(0, n) for n in SHAPE)]
    return sum((a - c) ** 2 for a, c in zip(axes, centre, strict=True)) <= radius**2


def signal(echo_times: tuple[float, ...] = ECHO_TIMES) -> tuple[np.ndarray, np.ndarray]:
    """Return magnitude and phase (echo, x, y, z) of the phantom."""
    rng = np.random.default_rng(1)
    head = _sphere((20, 21, 19), 16)
    # A tenth of what tissue in air is: the phantom's voxels are too large for more.
    chi = np.where(head, -0.94, 0)
    chi += 0.3 * _sphere((16, 20, 19), 3) - 0.2 * _sphere((25, 22, 18), 2.5)
    field = forward_field(chi, VOXEL)
    field -= field[head].mean()
    signals = [
        np.where(head, 100 * np.exp(-20 * te), 0) * np.exp(2j * np.pi * hz_per_ppm(B0) * te * field)
        for te in echo_times
    ]
    noisy = np.stack(signals) + rng.normal(0, 0.7, (len(signals), *SHAPE, 2)) @ np.array([1, 1j])
    return np.abs(noisy).astype(np.float32), np.angle(noisy).astype(np.float32)


def write_dataset(root: Path, labels: tuple[str, ...] = ("01",)) -> Path:
    """Write a raw dataset with one multi-echo series for each participant."""
    magnitude, phase = signal()
    root.mkdir(parents=True, exist_ok=True)
    (root / "README").write_text("A phantom for tests.\n")
    description = {"Name": "phantom", "BIDSVersion": "1.10.0"}
    (root / "dataset_description.json").write_text(json.dumps(description))
    for label in labels:
        for echo, te in enumerate(ECHO_TIMES):
            for part, data in (("mag", magnitude[echo]), ("phase", phase[echo])):
                units: dict[str, Any] = {"Units": "rad"} if part == "phase" else {}
                stem = f"sub-{label}_echo-{echo + 1}_part-{part}_MEGRE"
                write(root / f"sub-{label}" / "anat" / f"{stem}.nii.gz", data)
                (root / f"sub-{label}" / "anat" / f"{stem}.json").write_text(
                    json.dumps({"EchoTime": te, "MagneticFieldStrength": B0, **units})
                )
    return root


def write(path: Path, data: np.ndarray) -> None:
    """Write an image on the phantom's grid."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(data, np.diag([*VOXEL, 1.0]))
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
