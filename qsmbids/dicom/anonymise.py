"""What of a header may stand in a dataset that is shared: a list of fields, and no free text.

A list of what is kept, not of what goes: a field that a scanner or a later dcm2niix invents stays
out until someone has looked at it. Names, birth dates, weights, identifiers, dates and times,
institution, station and serial numbers, and everything that an operator types (descriptions of
study, series and protocol, comments) are not on it.
"""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEPT = (
    *("Modality", "MagneticFieldStrength", "ImagingFrequency", "Manufacturer"),
    *("ManufacturersModelName", "SoftwareVersions", "BodyPart", "PatientPosition"),
    *("MRAcquisitionType", "ScanningSequence", "SequenceVariant", "ScanOptions", "ImageType"),
    *("PulseSequenceType", "NonlinearGradientCorrection", "SliceThickness"),
    *("SpacingBetweenSlices", "EchoNumber", "EchoTime", "EchoTime1", "EchoTime2"),
    *("RepetitionTime", "FlipAngle", "SpoilingState", "MTState", "Units", "EchoTrainLength"),
    *("PartialFourier", "BaseResolution", "PhaseResolution", "PercentPhaseFOV"),
    *("PercentSampling", "PhaseEncodingSteps", "AcquisitionMatrixPE", "ReconMatrixPE"),
    *("ParallelReductionFactorInPlane", "ParallelReductionFactorOutOfPlane"),
    *("ParallelAcquisitionTechnique", "PixelBandwidth", "DwellTime", "PhaseEncodingDirection"),
    *("PhaseEncodingAxis", "InPlanePhaseEncodingDirectionDICOM", "ReceiveCoilName"),
    *("ReceiveCoilActiveElements", "CoilCombinationMethod", "MatrixCoilMode", "ShimSetting"),
    *("PhilipsRescaleSlope", "PhilipsRescaleIntercept", "PhilipsScaleSlope"),
    *("UsePhilipsFloatNotDisplayScaling", "ImageOrientationPatientDICOM"),
    *("ConversionSoftware", "ConversionSoftwareVersion"),
)
_IDENTIFYING = (
    *("PatientName", "PatientID", "PatientBirthDate", "ReferringPhysicianName", "AccessionNumber"),
    *("InstitutionName", "InstitutionAddress", "StationName", "DeviceSerialNumber", "StudyID"),
    *("StudyInstanceUID", "SeriesInstanceUID", "OperatorsName", "PerformingPhysicianName"),
)
_TEXTS = ("data_type", "db_name", "descrip", "aux_file", "intent_name")


def clean_sidecar(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of dcm2niix's sidecar may be shared.

    A text that repeats a name or an identifier of the same header goes as well, wherever a
    scanner has put it.

    Examples
    --------
    >>> clean_sidecar({"EchoTime": 0.02, "PatientName": "Doe^Jane", "ReceiveCoilName": "Doe coil"})
    {'EchoTime': 0.02}
    """
    secret = {
        word.casefold()
        for name in _IDENTIFYING
        for word in re.split(r"[\W_]+", str(header.get(name) or ""))
        if len(word) > 2 and not word.isdigit()
    }
    secret |= {str(header.get(n)).casefold() for n in _IDENTIFYING if len(str(header.get(n))) > 3}

    def tells(value: Any) -> bool:
        if isinstance(value, list):
            return any(tells(item) for item in value)
        return isinstance(value, str) and bool(
            secret.intersection({value.casefold(), *re.split(r"[\W_]+", value.casefold())})
        )

    return {n: header[n] for n in KEPT if n in header and not tells(header[n])}


def clean_image(source: Path, target: Path) -> None:
    """Copy a NIfTI file to a new ``.nii.gz``, its values as they are, its header without texts.

    Raises
    ------
    FileExistsError
        If ``target`` exists.
    """
    import nibabel as nib

    # as it stands in the file: nibabel's loading would take the scaling out of it
    kind: Any = nib.Nifti1Header
    with source.open("rb") as image:
        header = kind.from_fileobj(image)
        image.seek(header.get_data_offset())
        for name in _TEXTS:
            header[name] = b""
        header["vox_offset"] = header.single_vox_offset
        start = header.binaryblock
        with (
            target.open("xb") as file,
            gzip.GzipFile("", "wb", fileobj=file, compresslevel=6, mtime=0) as packed,
        ):
            packed.write(start + bytes(header.single_vox_offset - len(start)))
            shutil.copyfileobj(image, packed)
