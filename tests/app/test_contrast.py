"""Susceptibility weighting and separation from end to end on a phantom."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import dcm2niix
import nibabel as nib
import numpy as np
import phantom
import pytest
from dicom_variants import MAGNITUDE, SIEMENS, series, slices, unpack

from qsmbids.cli.main import main

pytestmark = pytest.mark.slow

MADE = ("desc-swi_T2starw", "desc-swiMinIP_T2starw")
PARTS = ("desc-tkdParamagnetic_Chimap", "desc-tkdDiamagnetic_Chimap")
ASKED = ("--swi", "--separation", "r2star", "--option", "swi.slab=9", "r2star.r2=5")


def run(data: Path, out: Path, *more: str) -> int:
    common = ("--brain-extraction", "none", "--skip-bids-validation", "--nprocs", "2")
    work = ("-w", str(out.parent / "work"))
    return main([str(data), str(out), "participant", *work, *common, "--method", "tkd", *more])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The dataset and its derivatives."""
    base = tmp_path_factory.mktemp("contrast")
    data = phantom.write_dataset(base / "ds")
    template = slices(unpack(SIEMENS, base / "study"), MAGNITUDE)[:1]
    here = {"ImagePositionPatient": [0, 0, 0], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
    series(template, base / "dicom", **here)
    assert run(data, base / "out", *ASKED, "--dicom-template", f"01={base / 'dicom'}") == 0
    return data, base / "out"


def image(out: Path, name: str) -> np.ndarray:
    return nib.load(out / f"sub-01/anat/sub-01_{name}.nii.gz").get_fdata()


def told(out: Path, name: str) -> dict:
    return json.loads((out / f"sub-01/anat/sub-01_{name}.json").read_text())


def test_parts_add_up_to_the_map_and_show_the_sources(finished: tuple[Path, Path]) -> None:
    _, out = finished
    chi, (positive, negative) = image(out, "desc-tkd_Chimap"), (image(out, n) for n in PARTS)
    np.testing.assert_allclose(positive + negative, chi, atol=1e-6)
    assert positive[16, 20, 19] > 0.05
    assert negative[25, 22, 18] < -0.03


def test_the_weighted_image_is_the_mean_of_the_echoes_where_the_field_is_not_known(
    finished: tuple[Path, Path],
) -> None:
    _, out = finished
    weighted, outside = image(out, MADE[0]), image(out, "desc-eroded_mask") == 0
    np.testing.assert_allclose(
        weighted[outside], phantom.signal()[0].mean(0)[outside], rtol=1e-4, atol=1e-4
    )


def test_sidecars_say_how_and_with_which_limits(finished: tuple[Path, Path]) -> None:
    _, out = finished
    block = told(out, PARTS[0])["Qsmbids"]
    assert [stage["Name"] for stage in block["Stages"]][-3:] == [
        *("Background", "Inversion", "Separation")
    ]
    assert block["Parameters"]["r2"] == 5
    assert any("R2 is one value" in text for text in block["Limits"])
    assert told(out, MADE[1])["Qsmbids"]["Parameters"]["slab"] == 9
    assert told(out, MADE[0])["SkullStripped"] is False


def test_the_page_and_the_citations_name_them(finished: tuple[Path, Path]) -> None:
    _, out = finished
    page = (out / "sub-01.html").read_text()
    assert "Minimum-intensity projection" in page
    assert "Diamagnetic part" in page
    assert "R2 is one value for the whole brain" in page
    cited = (out / "logs/sub-01/CITATION.md").read_text()
    assert "10.1002/mrm.20198" in cited
    assert "10.3390/tomography8030127" in cited


def test_the_output_is_valid_bids(finished: tuple[Path, Path]) -> None:
    validator = shutil.which("bids-validator-deno")
    if validator is None:
        pytest.skip("the BIDS validator is not installed")
    command = [validator, finished[1], "--format", "json", "--ignoreWarnings"]
    done = subprocess.run(command, capture_output=True)
    assert json.loads(done.stdout)["issues"]["issues"] == []


@pytest.mark.parametrize("name", ["desc-tkd_Chimap", *MADE])
def test_dicom_holds_the_same_image(finished: tuple[Path, Path], tmp_path: Path, name: str) -> None:
    folder = finished[1] / "dicom/sub-01" / f"sub-01_{name}"
    command = [dcm2niix.bin, "-b", "n", "-z", "n", "-f", "back", "-o", tmp_path, folder]
    subprocess.run(command, check=True, capture_output=True)
    again = nib.as_closest_canonical(nib.load(tmp_path / "back.nii"))
    values, largest = image(finished[1], name), np.abs(image(finished[1], name)).max()
    scale = 1000 if "Chimap" in name else 1
    np.testing.assert_allclose(again.affine, np.diag([*phantom.VOXEL, 1]), atol=1e-4)
    np.testing.assert_allclose(again.get_fdata() / scale, values, atol=1e-3 * largest)


def test_a_dicom_slice_that_is_lost_is_written_again(finished: tuple[Path, Path]) -> None:
    data, out = finished
    lost = out / "dicom/sub-01/sub-01_desc-tkd_Chimap/0003.dcm"
    before = lost.read_bytes()
    lost.unlink()
    assert run(data, out, *ASKED, "--dicom-template", str(out.parent / "dicom")) == 0
    assert lost.read_bytes() == before


def test_a_template_of_another_head_is_refused_before_anything_is_computed(
    finished: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = unpack(SIEMENS, tmp_path / "study")
    assert run(finished[0], tmp_path / "out", "--dicom-template", str(study)) == 1
    said = capsys.readouterr()
    assert "has a slice where this one has" in said.out + said.err
    assert not list((tmp_path / "work").rglob("*.npy"))
    assert not list((tmp_path / "out").rglob("*.nii.gz"))


def test_a_template_of_nobody_in_particular_is_refused_for_two_participants(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = phantom.write_dataset(tmp_path / "ds", ("01", "02"))
    assert run(data, tmp_path / "out", "--dicom-template", str(tmp_path)) == 2
    assert "say whose it is, as in 01=PATH" in capsys.readouterr().err


def test_what_cannot_be_made_is_said(
    finished: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shutil.copytree(finished[0], tmp_path / "ds")
    for path in (data / "sub-01/anat").glob("*echo-[23]*"):
        path.unlink()
    assert run(data, tmp_path / "out", *ASKED, "--dry-run") == 0
    said = capsys.readouterr().out
    assert "no separation (--separation): there is no R2*, which takes two echoes" in said
    assert "desc-swi_T2starw" in said
    assert "Paramagnetic" not in said
