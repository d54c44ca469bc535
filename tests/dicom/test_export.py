"""Maps as DICOM: read by another program they are the volume again, and the standard holds."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import dcm2niix
import nibabel as nib
import numpy as np
import pydicom
import pytest
from dicom_variants import MAGNITUDE, SIEMENS, slices, unpack

from qsmbids.dicom.export import Meaning, series_of
from qsmbids.dicom.template import read_template
from qsmbids.errors import InputError

Place = tuple[tuple[int, ...], np.ndarray]

QSM = Meaning(
    name="QSM tv [ppb]",
    description="Magnetic susceptibility",
    kind="QSM",
    number=201,
    unit="ppb",
    scale=1000.0,
    step=0.1,
    window=(-150.0, 150.0),
)


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped gradient echo, one echo of its magnitude."""
    folder = unpack(SIEMENS, tmp_path_factory.mktemp("scan"))
    for path in folder.rglob("*"):
        if path.is_file() and path not in slices(folder, MAGNITUDE, number=99):
            path.unlink()
    return folder


@pytest.fixture(scope="module")
def grid(scan: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Shape and affine of the image that dcm2niix makes of it."""
    image = nib.load(converted(scan, tmp_path_factory.mktemp("nifti")))
    return image.shape, image.affine


def converted(folder: Path, out: Path) -> Path:
    """Return the one image that dcm2niix makes of a folder."""
    command = [dcm2niix.bin, "-b", "n", "-z", "n", "-f", "image", "-o", out, folder]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = out.glob("*.nii")
    return path


def volume(shape: tuple[int, ...]) -> np.ndarray:
    values = np.random.default_rng(3).normal(0, 0.1, shape).astype(np.float32)
    values[3:5, 4:9, 2:4] = 1.5
    return values


def write(images: object, folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for image in images:
        paths.append(folder / f"{image.InstanceNumber:04d}.dcm")
        image.save_as(paths[-1], enforce_file_format=True)
    return paths


def rotated(angle: float) -> np.ndarray:
    """Return axes that are tilted about the left-right axis, in degrees."""
    s, c = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


@pytest.mark.parametrize(
    "axes",
    [
        np.diag([-1.2, 1.5, 2.0]),  # axial, as dcm2niix leaves it
        rotated(25) @ np.diag([1.2, 1.5, 2.0]),
        np.array([[0, 0, 2.0], [1.2, 0, 0], [0, 1.5, 0]]),  # sagittal
        rotated(-20) @ np.array([[1.2, 0, 0], [0, 0, -2.0], [0, 1.5, 0]]),  # coronal, oblique
    ],
    ids=["axial", "tilted", "sagittal", "coronal"],
)
def test_dcm2niix_reads_the_volume_back(axes: np.ndarray, scan: Path, tmp_path: Path) -> None:
    affine = nib.affines.from_matvec(axes, [-20, 12, 7])
    values = volume((11, 13, 9))
    template = pydicom.dcmread(next(scan.rglob("*.dcm")), stop_before_pixels=True)
    write(series_of(values, affine, template, QSM), tmp_path / "dicom")
    again = nib.as_closest_canonical(nib.load(converted(tmp_path / "dicom", tmp_path)))
    first = nib.as_closest_canonical(nib.Nifti1Image(values, affine))
    np.testing.assert_allclose(again.affine, first.affine, atol=1e-4)
    np.testing.assert_allclose(again.get_fdata() / 1000, first.get_fdata(), atol=5.1e-5)


def test_a_radiologist_sees_left_on_the_right_and_the_front_above(scan: Path, grid: Place) -> None:
    shape, affine = grid
    template = read_template(scan, shape, affine)
    axes = next(series_of(volume(shape), affine, template, QSM)).ImageOrientationPatient
    along_columns, along_rows = np.array(axes, float).reshape(2, 3)
    assert along_columns[0] > 0.9  # DICOM's x grows to the left
    assert along_rows[1] > 0.9  # and its y to the back


def test_images_join_the_study_and_the_same_volume_has_the_same_uids(
    scan: Path, grid: Place
) -> None:
    shape, affine = grid
    template = read_template(scan, shape, affine)
    first, again = (list(series_of(volume(shape), affine, template, QSM)) for _ in range(2))
    other = next(series_of(2 * volume(shape), affine, template, QSM))
    for name in ("PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert first[0][name] == template[name]
    assert first[0].SeriesInstanceUID not in (template.SeriesInstanceUID, other.SeriesInstanceUID)
    assert [one.SOPInstanceUID for one in first] == [one.SOPInstanceUID for one in again]
    assert len({one.SOPInstanceUID for one in first}) == shape[2]


def test_strong_sources_widen_the_steps_and_nothing_is_cut(scan: Path, grid: Place) -> None:
    shape, affine = grid
    values = volume(shape)
    values[0, 0, 0] = -9.4
    images = list(series_of(values, affine, read_template(scan, shape, affine), QSM))
    stored = np.concatenate([one.pixel_array.ravel() for one in images])
    slope = float(images[0].RescaleSlope)
    assert slope > 0.1
    assert abs(stored.min() * slope + 9400) <= slope


def test_the_validator_finds_no_error(scan: Path, grid: Place, tmp_path: Path) -> None:
    validator = shutil.which("dciodvfy")
    if validator is None:
        pytest.skip("dciodvfy (Debian's dicom3tools) is not installed")
    shape, affine = grid
    images = series_of(volume(shape), affine, read_template(scan, shape, affine), QSM)
    path = write(images, tmp_path)[4]
    said = subprocess.run([validator, path], capture_output=True, text=True).stderr
    assert "MRImage" in said
    assert [line for line in said.splitlines() if line.startswith("Error")] == []


def test_what_a_header_must_state_is_there_whatever_the_template_lacks(scan: Path) -> None:
    template = pydicom.dcmread(next(scan.rglob("*.dcm")), stop_before_pixels=True)
    for name in ("ScanningSequence", "SequenceVariant", "EchoTime", "PatientSex", "Manufacturer"):
        del template[name]
    image = next(series_of(volume((8, 9, 7)), np.eye(4), template, QSM))
    assert (image.ScanningSequence, image.SequenceVariant) == ("GR", "NONE")
    for name in ("EchoTime", "PatientSex", "Manufacturer"):
        assert name in image


def test_refuses_the_dicom_of_another_place(scan: Path, grid: Place, tmp_path: Path) -> None:
    shape, affine = grid
    moved = affine.copy()
    moved[:3, 3] += [0, 0, 40]
    with pytest.raises(InputError, match="none of its 36 images has a slice where this one has"):
        read_template(scan, shape, moved)
    with pytest.raises(InputError, match="holds no DICOM image"):
        read_template(tmp_path, shape, affine)
    assert read_template(next(scan.rglob("*.dcm")), shape, affine).PatientID


def test_takes_the_frames_of_an_enhanced_image(scan: Path, grid: Place, tmp_path: Path) -> None:
    """Newer scanners write one file of many frames, which state their places in sequences."""
    header = pydicom.dcmread(next(scan.rglob("*.dcm")), stop_before_pixels=True)
    frame, shared = pydicom.Dataset(), pydicom.Dataset()
    for group, sequence, name in (
        (frame, "PlanePositionSequence", "ImagePositionPatient"),
        (shared, "PlaneOrientationSequence", "ImageOrientationPatient"),
    ):
        item = pydicom.Dataset()
        item[name] = header[name]
        setattr(group, sequence, [item])
        del header[name]
    header.PerFrameFunctionalGroupsSequence = [frame]
    header.SharedFunctionalGroupsSequence = [shared]
    header.save_as(tmp_path / "enhanced.dcm")
    assert read_template(tmp_path, *grid).StudyInstanceUID == header.StudyInstanceUID
