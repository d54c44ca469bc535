"""A simulated head as files: raw BIDS data, and the truth as a BIDS derivative."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

import qsmbids
from qsmbids.bids import write_json
from qsmbids.bids.dataset import BIDS_VERSION
from qsmbids.physics import hz_per_ppm
from qsmbids.simulation import TISSUES, Head

LEVELS = 4096
"""Steps of a scanner's 12-bit phase: 0 is -pi, the half is 0."""
TRUTH = Path("derivatives", "truth")
GENERATED_BY = [{"Name": "qsmbids-demo", "Version": qsmbids.__version__}]

README = """A simulated multi-echo gradient-echo dataset, written by qsmbids-demo.

The heads are made from the MNI152 template: grey and white matter, iron-rich nuclei, veins,
lesions, skull, scalp and air spaces have typical susceptibilities, whose dipole field, decay
and noise make magnitude and phase. Nobody was scanned.
"""
README_TRUTH = """What the simulated heads of this dataset were made from.

Chimap is in ppm relative to the mean of the brain mask, which a field cannot determine.
desc-local_fieldmap is the field of that Chimap; desc-total_fieldmap adds the field of all that
surrounds the brain and of the shims. R2starmap leaves out the dephasing by the field's gradient.
"""


def start_dataset(directory: Path, names: Sequence[str]) -> None:
    """Write what stands at the root of the dataset and of its derivative."""
    common = {"BIDSVersion": BIDS_VERSION, "License": "CC0", "GeneratedBy": GENERATED_BY}
    raw = {"Name": "Simulated heads", "DatasetType": "raw", **common}
    truth = {"Name": "Truth of the simulated heads", "DatasetType": "derivative", **common}
    truth["SourceDatasets"] = [{"URL": "../.."}]
    for folder, description, text in (
        (directory, raw, README),
        (directory / TRUTH, truth, README_TRUTH),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "dataset_description.json", description)
        (folder / "README").write_text(text, encoding="utf-8")
    rows = ["participant_id", *(f"sub-{name}" for name in names)]
    (directory / "participants.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    index = ["index\tname", *(f"{t.label}\t{name}" for name, t in TISSUES.items())]
    (directory / TRUTH / "dseg.tsv").write_text("\n".join(index) + "\n", encoding="utf-8")


def write_participant(directory: Path, name: str, head: Head, *, phase_units: str) -> None:
    """Write one head's raw images and its truth.

    Parameters
    ----------
    directory : Path
        The dataset.
    name : str
        Label of the participant, without ``sub-``.
    head : Head
        What to write.
    phase_units : str
        ``"arbitrary"``: integers from 0 to 4095; ``"rad"``: float32 radians.
    """
    folder = directory / f"sub-{name}" / "anat"
    folder.mkdir(parents=True)
    scale = np.float32(4095 / head.magnitude.max())
    single = len(head.echo_times) == 1
    for echo, time in enumerate(head.echo_times):
        entity = f"sub-{name}" if single else f"sub-{name}_echo-{echo + 1}"
        suffix = "T2starw" if single else "MEGRE"
        stored, units = store_phase(head.phase[echo], phase_units)
        magnitude = np.round(head.magnitude[echo] * scale).astype(np.int16)
        for part, image, more in (("mag", magnitude, {}), ("phase", stored, {"Units": units})):
            path = folder / f"{entity}_part-{part}_{suffix}.nii.gz"
            _write_image(path, image, head, {**_acquisition(head, time), **more})
    _write_truth(directory / TRUTH / f"sub-{name}", name, head)


def store_phase(phase: NDArray[np.float32], units: str) -> tuple[NDArray[Any], str]:
    """Return the phase (radians) as it is stored, and its BIDS ``Units``."""
    if units == "rad":
        return phase, "rad"
    steps = np.round(phase * np.float32(LEVELS / (2 * np.pi))).astype(np.int16)
    return (steps + LEVELS // 2) % LEVELS, "arbitrary"


def _acquisition(head: Head, echo_time: float) -> dict[str, Any]:
    return {
        "Manufacturer": "qsmbids",
        "ManufacturersModelName": "qsmbids-demo",
        "SoftwareVersions": qsmbids.__version__,
        "MagneticFieldStrength": head.field_strength,
        "EchoTime": echo_time,
        "RepetitionTime": round(head.echo_times[-1] + 0.012, 6),
        "FlipAngle": 15,
        "MRAcquisitionType": "3D",
        "ScanningSequence": "GR",
        "SequenceVariant": "SP",
        "PulseSequenceType": "Simulated spoiled gradient echo",
        "NonlinearGradientCorrection": False,
    }


def _write_truth(folder: Path, name: str, head: Head) -> None:
    for place in ("anat", "fmap"):
        (folder / place).mkdir(parents=True)
    brain = {"SkullStripped": True}
    whole = {"SkullStripped": False}
    hertz = np.float32(hz_per_ppm(head.field_strength))
    total, local = head.total_field * hertz, head.local_field * hertz
    images: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
        "anat/Chimap": (head.chi_brain, {**brain, "Units": "ppm"}),
        "anat/R2starmap": (head.r2star, {**whole, "Units": "1/s"}),
        "anat/S0map": (head.s0, {**whole, "Units": "arbitrary"}),
        "anat/desc-brain_mask": (head.brain_mask, {**whole, "Type": "Brain"}),
        "anat/dseg": (head.labels, whole),
        "fmap/desc-total_fieldmap": (total, {**whole, "Units": "Hz"}),
        "fmap/desc-local_fieldmap": (local, {**brain, "Units": "Hz"}),
        "fmap/desc-total_magnitude": (head.magnitude[0], whole),
        "fmap/desc-local_magnitude": (head.magnitude[0], whole),
    }
    for kind, (image, sidecar) in images.items():
        place, _, suffix = kind.partition("/")
        stored = image.astype(np.uint8) if image.dtype == np.bool_ else image
        _write_image(folder / place / f"sub-{name}_{suffix}.nii.gz", stored, head, sidecar)


def _write_image(path: Path, image: NDArray[Any], head: Head, sidecar: Mapping[str, Any]) -> None:
    nifti = nib.Nifti1Image(image, head.affine)
    nifti.header.set_xyzt_units("mm", "sec")
    nifti.set_qform(head.affine, code=1)
    nifti.set_sform(head.affine, code=1)
    nib.save(nifti, path)
    write_json(path.with_name(path.name.removesuffix(".nii.gz") + ".json"), sidecar)
