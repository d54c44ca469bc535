"""A volume as a series of DICOM images that joins the participant's study."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qsmbids import __version__
from qsmbids.array_types import Float

if TYPE_CHECKING:
    from pydicom import Dataset


_LARGEST = 32767
_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
# How slices are shown, by the axis across them: columns to the left or to the back, rows to the
# back or down.
_SHOWN = {0: ("P", "I", "L"), 1: ("L", "I", "P"), 2: ("L", "P", "S")}

_KEPT = (
    # patient, study
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex"),
    *("PatientAge", "PatientSize", "PatientWeight", "OtherPatientIDs", "PatientIdentityRemoved"),
    *("DeidentificationMethod", "StudyInstanceUID", "StudyID", "StudyDate", "StudyTime"),
    *("StudyDescription", "AccessionNumber", "ReferringPhysicianName"),
    # the place in space, the machine
    *("FrameOfReferenceUID", "PositionReferenceIndicator", "PatientPosition", "Laterality"),
    *("BodyPartExamined", "Manufacturer", "ManufacturerModelName", "InstitutionName"),
    *("StationName", "DeviceSerialNumber", "SpecificCharacterSet"),
    # the measurement
    *("AcquisitionDate", "AcquisitionTime", "ScanningSequence", "SequenceVariant", "ScanOptions"),
    *("MRAcquisitionType", "RepetitionTime", "EchoTime", "EchoTrainLength", "FlipAngle"),
    *("MagneticFieldStrength", "ImagingFrequency", "ImagedNucleus", "ProtocolName"),
)
_EMPTY = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate"),
    *("StudyTime", "AccessionNumber", "ReferringPhysicianName", "PositionReferenceIndicator"),
    *("Manufacturer", "ScanOptions", "RepetitionTime", "EchoTime", "EchoTrainLength"),
)
"""What an MR image must state, if only as unknown."""


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What the values of an exported volume are.

    Attributes
    ----------
    name, description : str
        Of the series; how it was made.
    kind : str
        The last word of the image type, such as ``QSM``.
    number : int
        Of the series within the study.
    unit : str
        Of the values that a viewer shows; empty for none.
    scale : float
        What the volume is multiplied by to have that unit.
    step : float
        Between two stored values, in that unit, unless the range needs more; 0: as little as fits.
    window : (float, float)
        Least and greatest value to show, in that unit.
    """

    name: str
    description: str
    kind: str
    number: int
    unit: str = ""
    scale: float = 1.0
    step: float = 0.0
    window: tuple[float, float] = (0.0, 1.0)


def series_of(
    values: Float, affine: NDArray[np.float64], template: Dataset, meaning: Meaning
) -> Iterator[Dataset]:
    """Yield the images of a volume, one a slice, ready to be written.

    Parameters
    ----------
    values : (x, y, z) float32 array
        Finite; slices lie along the third axis.
    affine : (4, 4) array
        Voxels to mm, as NIfTI has it.
    template : Dataset
        A header of the study, see `qsmbids.dicom.template.read_template`.
    meaning : Meaning
        What the values are.

    Yields
    ------
    Dataset
        Of the class MR Image Storage, whose value times the rescale slope is the volume's, to
        half a step. UIDs follow from the study and the content: the same volume has the same.
    """
    from pydicom.uid import generate_uid

    turned, lps = _as_shown(values, affine)
    slope = _slope(turned * np.float32(meaning.scale), meaning.step)
    stored = np.round(turned * (meaning.scale / float(slope))).astype("<i2")
    digest = blake2b(stored.tobytes(), digest_size=16).hexdigest()
    origin = [str(template.StudyInstanceUID), meaning.name, digest]
    common = _common(template, meaning, slope, lps)
    common.SeriesInstanceUID = generate_uid(entropy_srcs=origin)
    for index in range(stored.shape[2]):
        pixels = np.ascontiguousarray(stored[:, :, index].T)
        uid = generate_uid(entropy_srcs=[*origin, str(index)])
        yield _image(common, pixels, lps, index, uid)


def _as_shown(values: Float, affine: NDArray[np.float64]) -> tuple[Float, NDArray[np.float64]]:
    """Return (column, row, slice) as a radiologist sees it, and the affine to DICOM's axes."""
    from nibabel import orientations

    tools: Any = orientations  # without types of its own
    present = tools.io_orientation(affine)
    turn = tools.ornt_transform(present, tools.axcodes2ornt(_SHOWN[int(present[2, 0])]))
    turned: Float = tools.apply_orientation(values, turn)
    return turned, _TO_LPS @ affine @ tools.inv_ornt_aff(turn, values.shape)


def _slope(values: Float, step: float) -> str:
    """Return the step between stored values as DICOM writes it: 16 characters at most."""
    from pydicom.valuerep import format_number_as_ds

    needed = float(np.abs(values).max(initial=0)) / _LARGEST
    if needed > step:
        step = float(f"{1.0001 * needed:.6g}")
    return format_number_as_ds(step or 1.0)


def _common(template: Dataset, meaning: Meaning, slope: str, lps: NDArray[np.float64]) -> Dataset:
    """Return what all images of the series state."""
    from pydicom import Dataset
    from pydicom.uid import MRImageStorage

    sizes = np.linalg.norm(lps[:3, :3], axis=0)
    axes = (lps[:3, :3] / sizes).T
    own = Dataset()
    for name in _EMPTY:
        setattr(own, name, None)
    for name in _KEPT:
        if name in template:
            own[name] = template[name]
    own.SOPClassUID, own.Modality = MRImageStorage, "MR"
    own.ImageType = ["DERIVED", "SECONDARY", "OTHER", meaning.kind]
    own.ScanningSequence = own.get("ScanningSequence") or "GR"
    own.SequenceVariant = own.get("SequenceVariant") or "NONE"
    own.SeriesNumber, own.SeriesDescription = meaning.number, meaning.name[:64]
    own.DerivationDescription = meaning.description[:1024]
    own.SoftwareVersions = f"qsmbids {__version__}"
    own.BurnedInAnnotation, own.LossyImageCompression = "NO", "00"
    own.SliceThickness = own.SpacingBetweenSlices = _short(sizes[2])
    own.PixelSpacing = [_short(sizes[1]), _short(sizes[0])]  # between rows, between columns
    own.ImageOrientationPatient = [_short(value) for value in [*axes[0], *axes[1]]]
    own.SamplesPerPixel, own.PhotometricInterpretation = 1, "MONOCHROME2"
    own.BitsAllocated = own.BitsStored = 16
    own.HighBit, own.PixelRepresentation = 15, 1
    own.RescaleIntercept, own.RescaleSlope, own.RescaleType = "0", slope, meaning.unit or "US"
    low, high = meaning.window
    own.WindowCenter, own.WindowWidth = _short((low + high) / 2), _short(high - low)
    return own


def _image(
    common: Dataset, pixels: NDArray[np.int16], lps: NDArray[np.float64], index: int, uid: Any
) -> Dataset:
    """Return one slice."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    image = Dataset()
    image.update(common)
    position = lps @ [0, 0, index, 1]
    across = np.cross(*np.array(common.ImageOrientationPatient, float).reshape(2, 3))
    image.SOPInstanceUID, image.InstanceNumber = uid, index + 1
    image.AcquisitionNumber = None
    image.ImagePositionPatient = [_short(value) for value in position[:3]]
    image.SliceLocation = _short(float(across @ position[:3]))
    image.Rows, image.Columns = pixels.shape
    image.PixelData = pixels.tobytes()
    image.file_meta = FileMetaDataset()
    image.file_meta.MediaStorageSOPClassUID = common.SOPClassUID
    image.file_meta.MediaStorageSOPInstanceUID = uid
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return image


def _short(value: Any) -> str:
    """Write a number as DICOM takes it: 16 characters at most."""
    from pydicom.valuerep import format_number_as_ds

    return format_number_as_ds(float(value))
