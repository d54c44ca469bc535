"""The demo command writes a valid BIDS dataset, with the truth beside it."""

import json
import shutil
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from qsmbids.cli.demo import build_parser, main, recipes
from qsmbids.errors import UsageError
from qsmbids.interfaces.demo import store_phase
from qsmbids.physics import b0_direction, hz_per_ppm

COARSE = ["--voxel-size", "4", "4", "5", "--nthreads", "1"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "bids"
    options = ["--participants", "2", "--b0-tilt", "15", "0", "--echo-times", "0.006", "0.018"]
    assert main([str(folder), *COARSE, *options]) == 0
    return folder


def test_every_image_has_its_sidecar(dataset):
    for subject in ("sub-01", "sub-02"):
        images = sorted((dataset / subject / "anat").glob("*.nii.gz"))
        assert len(images) == 4
        for image in images:
            sidecar = json.loads(image.with_name(image.name[:-7] + ".json").read_text())
            assert sidecar["MagneticFieldStrength"] == 3.0
            assert sidecar["EchoTime"] == (0.006 if "echo-1" in image.name else 0.018)
            assert sidecar.get("Units") == ("arbitrary" if "phase" in image.name else None)
    rows = (dataset / "participants.tsv").read_text().split()
    assert rows == ["participant_id", "sub-01", "sub-02"]


def test_images_are_stored_as_a_scanner_does(dataset):
    anat = dataset / "sub-01" / "anat"
    phase = nib.load(anat / "sub-01_echo-1_part-phase_MEGRE.nii.gz")
    stored = np.asarray(phase.dataobj)
    assert stored.dtype == np.int16
    assert stored.min() >= 0
    assert 4000 < stored.max() <= 4095
    magnitude = np.asarray(nib.load(anat / "sub-01_echo-1_part-mag_MEGRE.nii.gz").dataobj)
    assert magnitude.dtype == np.int16
    assert magnitude.max() == 4095
    assert b0_direction(phase.affine)[2] == pytest.approx(np.cos(np.deg2rad(15)))
    assert phase.header["sform_code"] == phase.header["qform_code"] == 1


def test_truth_agrees_with_itself(dataset):
    truth = dataset / "derivatives" / "truth" / "sub-01"

    def load(path):
        return np.asarray(nib.load(truth / path).dataobj)

    mask = load("anat/sub-01_desc-brain_mask.nii.gz") > 0
    chi = load("anat/sub-01_Chimap.nii.gz")
    local = load("fmap/sub-01_desc-local_fieldmap.nii.gz")
    assert not chi[~mask].any()
    assert abs(chi[mask].mean()) < 1e-4
    assert 0.003 < local[mask].std() / hz_per_ppm(3.0) < 0.05  # stored in Hz


def test_stored_phase_comes_back():
    phase = np.linspace(-np.pi, np.pi, 1001, dtype=np.float32)
    stored, units = store_phase(phase, "arbitrary")
    assert units == "arbitrary"
    back = (stored.astype(float) - 2048) / 2048 * np.pi
    assert np.abs(np.angle(np.exp(1j * (back - phase)))).max() < np.pi / 4096 * 1.01
    same, units = store_phase(phase, "rad")
    assert units == "rad"
    np.testing.assert_array_equal(same, phase)


def test_single_echo_keeps_the_echo_nearest_to_20_ms(tmp_path):
    options = ["--single-echo", "--phase-units", "rad", "--without", "veins", "shim"]
    assert main([str(tmp_path / "d"), *COARSE, *options]) == 0
    names = sorted(p.name for p in (tmp_path / "d" / "sub-01" / "anat").glob("*.json"))
    assert names == ["sub-01_part-mag_T2starw.json", "sub-01_part-phase_T2starw.json"]
    sidecar = json.loads((tmp_path / "d" / "sub-01" / "anat" / names[1]).read_text())
    assert sidecar["EchoTime"] == 0.017
    assert sidecar["Units"] == "rad"


def test_options_reach_the_recipe():
    arguments = ["d", "--size", "full", "--snr", "55", "--seed", "7", "--without", "phase-offset"]
    first, second = recipes(build_parser().parse_args([*arguments, "--participants", "2"]))
    assert first.shape == (164, 205, 205)
    assert (first.field_strength, first.snr, first.phase_offset) == (7.0, 55.0, False)
    assert (first.anatomy, second.anatomy) == (None, 8)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--participants", "0"],
        ["--echo-times", "5", "10"],
        ["--voxel-size", "0", "1", "1"],
        ["--snr", "-1"],
        ["--seed", "-1"],
        ["--nthreads", "0"],
        ["--field-strength", "0"],
    ],
)
def test_impossible_values_are_usage_errors(wrong):
    with pytest.raises(UsageError, match=r"\.$"):
        recipes(build_parser().parse_args(["d", *wrong]))


def test_a_folder_with_files_is_left_alone(tmp_path, capsys):
    (tmp_path / "mine").write_text("x")
    assert main([str(tmp_path)]) == 2
    assert "not an empty folder" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    assert main([str(tmp_path / "file" / "demo")]) == 1
    assert "cannot write" in capsys.readouterr().err


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from qsmbids.cli.demo import build_parser; build_parser().format_help();"
        "sys.exit(any(m in sys.modules for m in ('numpy', 'scipy', 'nibabel', 'nilearn')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_dataset_and_truth_are_valid_bids(dataset):
    validator = shutil.which("bids-validator-deno", path=f"{sys.prefix}/bin") or shutil.which(
        "bids-validator-deno"
    )
    if validator is None:
        pytest.skip("bids-validator-deno is not installed")
    for folder in (dataset, dataset / "derivatives" / "truth"):
        command = [validator, str(folder), "--format", "json", "--ignoreWarnings"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert json.loads(result.stdout)["issues"]["issues"] == []
        assert result.returncode == 0
