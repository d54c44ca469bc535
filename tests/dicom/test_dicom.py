"""From DICOM to BIDS: real series of two scanners, and series made from them with other tags."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import dcm2niix
import nibabel as nib
import numpy as np
import pydicom
import pytest
from dicom_variants import GE, MAGNITUDE, SIEMENS, gradient_echo, series, slices, unpack

from qsmbids.cli.dicom import main
from qsmbids.cli.main import main as run_app

IDENTIFYING = (
    *("PatientName", "PatientID", "PatientBirthDate", "InstitutionName", "InstitutionAddress"),
    *("StationName", "DeviceSerialNumber", "ReferringPhysicianName", "StudyDate", "SeriesDate"),
    *("StudyInstanceUID", "SeriesInstanceUID", "StudyDescription", "SeriesDescription"),
    *("ProtocolName", "StudyTime", "AcquisitionTime", "PerformingPhysicianName", "OperatorsName"),
)


@pytest.fixture(scope="module")
def siemens(tmp_path_factory) -> Path:
    return unpack(SIEMENS, tmp_path_factory.mktemp("siemens"))


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("both")
    unpack(SIEMENS, folder / "one")
    return unpack(GE, folder / "other").parent


@pytest.fixture(scope="module")
def dataset(both, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("bids") / "out"
    assert main([str(both), str(out)]) == 0
    return out


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def images(folder: Path) -> list[str]:
    return [name.removesuffix(".nii.gz") for name in files(folder) if name.endswith(".nii.gz")]


def sidecar(path: Path) -> dict:
    return json.loads(path.read_text())


def errors_of_the_validator(folder: Path) -> list[str]:
    validator = Path(sys.executable).with_name("bids-validator-deno")
    if not validator.exists():
        pytest.skip("the BIDS validator is not installed")
    done = subprocess.run([validator, folder, "--format", "json"], capture_output=True, check=False)
    found = json.loads(done.stdout)["issues"]["issues"]
    return [issue["code"] for issue in found if issue["severity"] == "error"]


def test_two_scanners_in_one_folder_are_two_participants(dataset):
    assert images(dataset) == [
        "sub-01/fmap/sub-01_fieldmap",
        "sub-01/fmap/sub-01_magnitude",
        "sub-02/fmap/sub-02_magnitude1",
        "sub-02/fmap/sub-02_magnitude2",
        "sub-02/fmap/sub-02_phasediff",
    ]
    table = (dataset / "participants.tsv").read_text()
    assert table == "participant_id\nsub-01\nsub-02\n"


def test_sidecars_say_what_the_map_is_computed_from(dataset):
    difference = sidecar(dataset / "sub-02/fmap/sub-02_phasediff.json")
    assert (difference["EchoTime1"], difference["EchoTime2"]) == (0.00519, 0.00765)
    assert "EchoTime" not in difference
    assert difference["MagneticFieldStrength"] == 3
    assert sidecar(dataset / "sub-02/fmap/sub-02_magnitude2.json")["EchoTime"] == 0.00765
    assert sidecar(dataset / "sub-01/fmap/sub-01_fieldmap.json")["Units"] == "Hz"


def test_values_and_geometry_are_those_of_dcm2niix(dataset, both, tmp_path):
    command = [dcm2niix.bin, "-g", "i", "-f", "%s_%e", "-z", "n", "-o", str(tmp_path), str(both)]
    subprocess.run(command, capture_output=True, check=True)
    for ours, theirs in (
        ("sub-02/fmap/sub-02_phasediff", "3_2_ph"),
        ("sub-02/fmap/sub-02_magnitude1", "2_1"),
        ("sub-01/fmap/sub-01_fieldmap", "6_1_fieldmaphz"),
    ):
        one = nib.load(dataset / f"{ours}.nii.gz")
        other = nib.load(tmp_path / f"{theirs}.nii")
        np.testing.assert_array_equal(one.get_fdata(), other.get_fdata())
        np.testing.assert_array_equal(one.affine, other.affine)
        assert one.header.get_xyzt_units() == other.header.get_xyzt_units()
    phase = nib.load(dataset / "sub-02/fmap/sub-02_phasediff.nii.gz").get_fdata()
    assert (phase.min(), phase.max()) == (-4096, 4092)  # with the scaling of the header


def test_the_validator_finds_no_error(dataset):
    assert errors_of_the_validator(dataset) == []


def test_nothing_in_the_dataset_identifies_the_person(dataset, both, tmp_path):
    secrets = set()
    for path in [*both.rglob("*.dcm"), *both.rglob("*MRDC*")]:
        data = pydicom.dcmread(path, stop_before_pixels=True)
        for name in IDENTIFYING:
            value = str(data.get(name) or "").strip().lower()
            secrets |= {word for word in {value, *value.replace("^", " ").split()} if len(word) > 3}
    assert {"crlab", "rordie", "19740101", "20180502", "anon2339"} <= secrets
    secrets |= {"1974-01-01", "2018-05-02", "12:21:2"}

    def told(folder: Path) -> set[str]:
        text = " ".join(files(folder)).lower()
        for path in folder.rglob("*"):
            if path.suffix in (".json", ".tsv") or path.name == "README":
                text += path.read_text(errors="replace").lower()
            if path.name.endswith(".nii.gz"):
                text += gzip.decompress(path.read_bytes())[:352].decode("latin-1").lower()
        return {secret for secret in secrets if secret in text}

    assert told(dataset) <= {"none"}  # GE's name of a department
    subprocess.run([dcm2niix.bin, "-ba", "n", "-z", "i", "-o", tmp_path, both], check=True)
    assert {"crlab", "rordie", "1974-01-01"} <= told(tmp_path)  # what a plain conversion tells


def test_texts_of_the_image_header_are_gone(dataset):
    packed = (dataset / "sub-02/fmap/sub-02_phasediff.nii.gz").read_bytes()
    raw = gzip.decompress(packed)
    header = nib.load(dataset / "sub-02/fmap/sub-02_phasediff.nii.gz").header
    assert all(not header[name].item() for name in ("descrip", "aux_file", "db_name"))
    assert raw[348:352] == b"\0\0\0\0"  # no extension
    assert packed[4:8] == b"\0\0\0\0"  # no time, packed[3]: no name
    assert packed[3] == 0


def test_a_dry_run_shows_the_plan_and_writes_nothing(both, tmp_path, capsys):
    assert main([str(both), str(tmp_path / "out"), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "sub-02  (PatientID crlab)" in said
    assert "sub-02/fmap/sub-02_phasediff" in said
    assert files(tmp_path) == []


def test_nothing_is_overwritten(siemens, tmp_path, capsys):
    out = tmp_path / "out"
    assert main([str(siemens), str(out)]) == 0
    before = {name: (out / name).read_bytes() for name in files(out)}
    assert main([str(siemens), str(out)]) == 2
    assert "nothing is overwritten" in capsys.readouterr().err
    assert {name: (out / name).read_bytes() for name in files(out)} == before


def test_an_order_label_never_joins_a_participant_that_exists(siemens, tmp_path, capsys):
    out, other = tmp_path / "out", tmp_path / "dicom"
    assert main([str(siemens), str(out)]) == 0
    gradient_echo(siemens, other, PatientID="someone else")
    assert main([str(other), str(out)]) == 2  # no file of the same name, but another person
    assert "may be someone else" in capsys.readouterr().err
    assert main([str(other), str(out), "--participant-label", "sub-07"]) == 0
    assert (out / "participants.tsv").read_text().split() == ["participant_id", "sub-01", "sub-07"]
    assert errors_of_the_validator(out) == []


def test_a_folder_that_is_no_dataset_is_left_alone(siemens, tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("words")
    assert main([str(siemens), str(tmp_path)]) == 2
    assert "is no BIDS dataset" in capsys.readouterr().err
    assert files(tmp_path) == ["thesis.txt"]


def test_runs_sessions_and_protocols(siemens, tmp_path):
    dicom, out = tmp_path / "dicom", tmp_path / "out"
    first = {"StudyInstanceUID": "1.2.3.1"}
    later = {"StudyInstanceUID": "1.2.3.2", "AcquisitionDate": "20200105"}
    gradient_echo(siemens, dicom, number=5, **first)
    gradient_echo(siemens, dicom, number=7, **first)
    gradient_echo(siemens, dicom, number=9, echo_times=(20.0,), **first)
    gradient_echo(siemens, dicom, number=5, echo_times=(3.0, 6.0), **later)
    gradient_echo(siemens, dicom, number=7, **later)
    assert main([str(dicom), str(out)]) == 0
    found = images(out)
    echo = "echo-3_part-phase_MEGRE"
    for name in (
        f"sub-01/ses-1/anat/sub-01_ses-1_acq-1_run-1_{echo}",
        f"sub-01/ses-1/anat/sub-01_ses-1_acq-1_run-2_{echo}",
        "sub-01/ses-1/anat/sub-01_ses-1_part-mag_T2starw",
        "sub-01/ses-2/anat/sub-01_ses-2_acq-2_echo-2_part-mag_MEGRE",
        f"sub-01/ses-2/anat/sub-01_ses-2_acq-1_{echo}",
    ):
        assert name in found
    assert len(found) == 6 + 6 + 2 + 4 + 6
    times = [
        sidecar(out / f"sub-01/ses-2/anat/sub-01_ses-2_acq-1_echo-{n}_part-mag_MEGRE.json")
        for n in (1, 2, 3)
    ]
    assert [one["EchoTime"] for one in times] == [0.004, 0.009, 0.014]
    assert errors_of_the_validator(out) == []


def test_real_and_imaginary_and_a_table_of_labels(siemens, tmp_path, capsys):
    dicom, out, table = tmp_path / "dicom", tmp_path / "out", tmp_path / "map.tsv"
    gradient_echo(siemens, dicom, parts="RI", PatientID="A")
    gradient_echo(siemens, dicom, PatientID="B")
    table.write_text("patient_id\tparticipant_id\nA\tsub-P9\n")
    assert main([str(dicom), str(out), "--map", str(table), "--session-label", "pre"]) == 0
    found = images(out)
    assert len(found) == 6
    assert "sub-P9/ses-pre/anat/sub-P9_ses-pre_echo-1_part-imag_MEGRE" in found
    assert re.search("left out: PatientID B, .* not in the table", capsys.readouterr().out)
    assert run_app([str(out), str(tmp_path / "maps"), "participant", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "sub-P9_ses-pre: raw, 3 T, echoes at 4, 9, 14 ms" in said
    assert "real and imaginary part of 3 echoes" in said


def test_the_last_line_is_the_next_command(siemens, tmp_path, capsys):
    gradient_echo(siemens, tmp_path / "dicom", PatientID="A")
    for source, option in ((SIEMENS, " --input fmap"), (tmp_path / "dicom", "")):
        out = tmp_path / source.name.partition(".")[0] / "bids"
        assert main([str(source), str(out)]) == 0
        last = capsys.readouterr().out.splitlines()[-1]
        assert last.endswith(f"Next: qsmbids {out} OUTPUT participant{option}")


def test_more_echoes_than_dcm2niix_lets_one_choose_at_once(siemens, tmp_path):
    dicom, out = tmp_path / "dicom", tmp_path / "out"
    times = tuple(4.0 + 3 * n for n in range(12))
    gradient_echo(siemens, dicom, echo_times=times)
    assert main([str(dicom), str(out)]) == 0
    found = [
        sidecar(out / f"sub-01/anat/sub-01_echo-{n + 1}_part-phase_MEGRE.json")["EchoTime"]
        for n in range(12)
    ]
    assert found == [round(time / 1000, 6) for time in times]
    assert len(images(out)) == 24


@pytest.mark.parametrize("number", [None, 1])
def test_echoes_without_numbers_are_all_kept(siemens, tmp_path, number):
    dicom, out = tmp_path / "dicom", tmp_path / "out"
    gradient_echo(siemens, dicom, parts="RI", EchoNumbers=number)
    assert main([str(dicom), str(out)]) == 0
    found = [sidecar(path)["EchoTime"] for path in sorted(out.glob("sub-01/anat/*imag*.json"))]
    assert found == [0.004, 0.009, 0.014]


def test_other_series_are_left_out_and_the_plan_says_why(siemens, tmp_path, capsys):
    dicom = tmp_path / "dicom"
    gradient_echo(siemens, dicom)
    magnitude = slices(siemens, MAGNITUDE)
    for number, name, codes in (
        (31, "a spin echo", "SE"),
        (32, "echo-planar", ["EP", "GR"]),
        (33, "inversion", ["GR", "IR"]),
        (34, "magnitude without a phase", "GR"),
    ):
        series(magnitude, dicom / name, SeriesNumber=number, ScanningSequence=codes)
    assert main([str(dicom), str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out.splitlines()
    for number, name in ((31, "spin echo"), (32, "planar"), (33, "inversion"), (34, "without a")):
        (line,) = [text for text in said if f"series {number}" in text]
        assert name in line
    assert len(images(tmp_path / "out")) == 6


def broken_gap(folder: Path) -> str:
    by_place = sorted(
        (float(pydicom.dcmread(path).SliceLocation), path) for path in folder.glob("[56]/*.dcm")
    )
    middle = sorted({place for place, _ in by_place})[3]
    for place, path in by_place:
        if place == middle:
            path.unlink()
    return "slices are missing"


def broken_end(folder: Path) -> str:
    last = max(float(pydicom.dcmread(path).SliceLocation) for path in folder.glob("6/*.dcm"))
    for path in folder.glob("6/*.dcm"):
        if float(pydicom.dcmread(path).SliceLocation) == last:
            path.unlink()
    return "64x64x5 and 64x64x6"


def broken_file(folder: Path) -> str:
    path = sorted(folder.glob("6/*.dcm"))[0]
    path.write_bytes(path.read_bytes()[:-3000])
    return "send the series again"  # dcm2niix leaves the echo out, or fails at it, as files lie


def broken_echo(folder: Path) -> str:
    for path in folder.glob("6/*.dcm"):
        if pydicom.dcmread(path).EchoNumbers == 2:
            path.unlink()
    return "the echo at 9 ms has a magnitude but no phase"


@pytest.mark.parametrize("damage", [broken_gap, broken_end, broken_file, broken_echo])
def test_a_broken_series_is_said_and_the_others_go_on(siemens, tmp_path, capsys, damage):
    dicom, out = tmp_path / "dicom", tmp_path / "out"
    gradient_echo(siemens, dicom, number=5, echo_times=(4.0, 9.0))
    gradient_echo(siemens, dicom, number=15, echo_times=(20.0,))
    reason = damage(dicom)
    assert main([str(dicom), str(out)]) == 1
    said = capsys.readouterr().err
    assert reason in said
    assert "series 5" in said
    assert len(said.strip().splitlines()) == 1
    assert images(out) == [f"sub-01/anat/sub-01_part-{part}_T2starw" for part in ("mag", "phase")]


def test_two_names_under_one_id_are_kept_apart_and_told(siemens, tmp_path, capsys):
    dicom = tmp_path / "dicom"
    gradient_echo(siemens, dicom, PatientID="X", PatientName="Roe^Rita")
    gradient_echo(siemens, dicom, PatientID="X", PatientName="Doe^Jim")
    assert main([str(dicom), str(tmp_path / "out"), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "sub-02" in said
    assert "Warning: PatientID X stands for 2 names" in said


def test_a_folder_without_dicom(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("none")
    assert main([str(tmp_path), str(tmp_path / "out")]) == 1
    assert "no DICOM image" in capsys.readouterr().err
    (tmp_path / "scan.tar.gz").write_bytes(SIEMENS.read_bytes())
    assert main([str(tmp_path), str(tmp_path / "out")]) == 1
    assert "scan.tar.gz: name the archive itself" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_archive_is_unpacked_unless_it_leads_elsewhere(tmp_path, capsys):
    assert main([str(SIEMENS), str(tmp_path / "out")]) == 0
    assert len(images(tmp_path / "out")) == 3
    evil = tmp_path / "in" / "evil.tar.gz"
    evil.parent.mkdir()
    with tarfile.open(evil, "w:gz") as archive:
        archive.add(SIEMENS.with_name("LICENSE"), "../../evil.txt")
    assert main([str(evil), str(tmp_path / "none")]) == 1
    assert "unsafe" in capsys.readouterr().err
    assert not list(tmp_path.rglob("evil.txt"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--participant-label", "1", "2"], "the DICOM holds 1"),
        (["--participant-label", "a_b"], "letters and digits"),
        (["--participant-label", "1", "sub-1"], "given twice"),
        (["--session-label", "a", "b"], "names 2"),
    ],
)
def test_labels_that_do_not_fit(tmp_path, capsys, arguments, sentence):
    assert main([str(SIEMENS), str(tmp_path / "out"), *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
