"""Region tables of a whole run, from a segmentation that FreeSurfer has made."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import phantom
import pytest

from qsmbids.bids.tables import read_table
from qsmbids.cli.main import main

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on two participants, the second without a segmentation."""
    folder = tmp_path_factory.mktemp("regions")
    root = phantom.write_dataset(folder / "ds", ("01", "02"))
    (root / "participants.tsv").write_text("participant_id\tage\nsub-01\t30\n")
    # on a finer grid, stored the other way round: x from right to left
    labels = np.zeros((90, 90, 90), np.uint8)
    where = np.indices(labels.shape).reshape(3, -1).T * 1.5
    affine = np.array([[-1.5, 0, 0, 130], [0, 1.5, 0, 0], [0, 0, 1.5, 0], [0, 0, 0, 1]])
    world = where * [-1, 1, 1] + [130, 0, 0]
    for label, centre, radius in ((11, (16, 20, 19), 2), (4, (25, 22, 18), 2)):
        near = np.linalg.norm(world - np.multiply(centre, 3.0), axis=1) < radius * 3.0
        labels.reshape(-1)[near] = label
    path = folder / "fs" / "sub-01" / "mri" / "aseg.mgz"
    path.parent.mkdir(parents=True)
    nib.save(nib.MGHImage(labels, affine), path)
    code = main(
        [
            *(str(root), str(folder / "out"), "participant", "-w", str(folder / "work")),
            *("--brain-extraction", "none", "--skip-bids-validation", "--method", "tkd", "tv"),
            *("--derivatives", f"fs={folder / 'fs'}", "--segmentation"),
            *("--reference", "left lateral ventricle", "--nprocs", "2"),
        ]
    )
    assert code == 0
    return folder / "out"


def test_the_table_holds_what_the_maps_hold(out: Path) -> None:
    anat = out / "sub-01" / "anat"
    table = read_table(anat / "sub-01_seg-aseg_regions.tsv")
    assert {(row["map"], row.get("method")) for row in table} == {
        ("Chimap", "tkd"),
        ("Chimap", "tv"),
        ("R2starmap", None),
    }
    labels = np.asarray(nib.load(anat / "sub-01_seg-aseg_dseg.nii.gz").dataobj)
    chi = nib.load(anat / "sub-01_desc-tv_Chimap.nii.gz").get_fdata()
    caudate = next(r for r in table if r.get("method") == "tv" and r["region"] == "left caudate")
    assert float(caudate["mean"]) == pytest.approx(chi[labels == 11].mean(), abs=1e-6)
    assert int(caudate["voxels"]) == (labels == 11).sum()
    # it lies in the paramagnetic ball, and the ventricle in the diamagnetic one
    assert float(caudate["mean"]) > 0.2
    lookup = (anat / "sub-01_seg-aseg_dseg.tsv").read_text()
    assert lookup == "index\tname\n4\tleft lateral ventricle\n11\tleft caudate\n"


def test_susceptibility_is_relative_to_the_region_asked_for(out: Path) -> None:
    anat = out / "sub-01" / "anat"
    table = read_table(anat / "sub-01_seg-aseg_regions.tsv")
    ventricle = [float(r["mean"]) for r in table if r["map"] == "Chimap" and r["index"] == "4"]
    assert ventricle == pytest.approx([0, 0], abs=1e-6)
    told = json.loads((anat / "sub-01_desc-tv_Chimap.json").read_text())["Qsmbids"]["Reference"]
    assert told == "the mean over the region left lateral ventricle, which is set to 0 ppm"
    how = json.loads((anat / "sub-01_seg-aseg_regions.json").read_text())["Qsmbids"]
    assert how["Reference"] == dict.fromkeys(("tkd", "tv"), "left lateral ventricle")


def test_the_page_shows_them_beside_the_iron_of_the_age(out: Path) -> None:
    page = (out / "sub-01.html").read_text()
    assert "Regions (aseg)" in page
    assert "Published, at 30 years" in page
    assert ">7.8<" in page
    assert "Hallgren" in page


def test_a_participant_without_segmentation_has_maps_and_a_warning(out: Path) -> None:
    anat = out / "sub-02" / "anat"
    assert not list(anat.glob("*_seg-*"))
    told = json.loads((anat / "sub-02_desc-tv_Chimap.json").read_text())["Qsmbids"]
    assert any(
        "no segmentation" in text and "relative to the mean" in text for text in told["Warnings"]
    )
    assert told["Reference"].startswith("the mean over the eroded mask")


def test_the_page_draws_their_outlines(out: Path) -> None:
    page = (out / "sub-01.html").read_text()
    assert "Outlines of the regions on axial slices of the susceptibility" in page
    assert "Outlines of the regions on axial slices of the magnitude" in page
