"""The participant's page, from what stands in an output folder."""

from __future__ import annotations

import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from output_folder import (
    AFFINE,
    SHAPE,
    ZOOM,
    ball,
    chi_map,
    save,
    save_everything,
    save_failure,
    save_map,
)

from qsmbids.bids.results import find_series
from qsmbids.bids.sidecar import write_curves
from qsmbids.bids.volume import Grid, read
from qsmbids.physics import forward_field, hz_per_ppm
from qsmbids.reports import write_participant_page
from qsmbids.reports.checks import series_checks
from qsmbids.reports.checks.maps import ForwardModel, kept_check, map_checks
from qsmbids.reports.evidence import examine
from qsmbids.reports.slices import Panel, planes, strip
from qsmbids.reports.view import View, view_of


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("out")
    save_everything(out)
    crash = "logs/sub-01/crash-1.txt"
    save_failure(out, "sub-01_run-2", message="The mask <is> empty.", crashfile=crash)
    (out / crash).write_text("trace")
    path = write_participant_page(out, "01")
    assert path == out / "sub-01.html"
    assert not list(out.glob(".sub-01*"))
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "piece",
    [
        "<h4>Magnitude</h4>",
        "brain mask (blue), eroded mask (yellow)",
        "<h4>Total field</h4>",
        "<h4>Local field</h4>",
        "<h4>R2*</h4>",
        "<h4>Susceptibility, tkd</h4>",
        "<strong>tv</strong>: Label of tv",
        "<h4>Susceptibility, tv</h4>",
        "<h4>Field left unexplained, tv</h4>",
        "<h4>Side by side</h4>",
        "<h4>Distribution of susceptibility</h4>",
        "tv in a wide window",
        "Local field left unexplained",
        "Residual of the phase fit",
        "threshold = 0.19",
        "qsmbids 9.9",
        "mean of the mask",
        "bids::sub-01_MEGRE.nii.gz",
        "10.1002/mrm.22135",
        "The mask &lt;is&gt; empty.",
        'href="logs/sub-01/crash-1.txt"',
        "&lt;b&gt;bold&lt;/b&gt; &amp; sharp",
    ],
)
def test_page_holds(page: str, piece: str) -> None:
    assert piece in page


def test_page_loads_nothing_from_elsewhere(page: str) -> None:
    sources = re.findall(r'\ssrc="([^"]{0,16})', page)
    assert sources
    assert all(source.startswith("data:image/webp") for source in sources)
    assert "<script src" not in page
    assert not re.search(r"<(link|object)\b|@import|url\(", page)
    links = re.findall(r'<a href="(https?:[^"]*)', page)
    assert links
    assert all(link.startswith("https://doi.org/") for link in links)
    assert "fetch(" not in page
    assert "XMLHttpRequest" not in page


def test_every_picture_has_a_text(page: str) -> None:
    pictures = re.findall(r"<img [^>]*>", page)
    assert len(pictures) == 14
    assert all(re.search(r'alt="[^"]{10,}"', picture) for picture in pictures)


@pytest.mark.parametrize("kept", ["Chimap", "magnitude", "desc-local_fieldmap", "desc-brain_mask"])
def test_one_image_alone_is_shown(tmp_path: Path, kept: str) -> None:
    save_everything(tmp_path)
    for path in tmp_path.rglob("*.nii.gz"):
        if kept not in path.name:
            path.unlink()
    text = write_participant_page(tmp_path, "01").read_text(encoding="utf-8")
    assert "Failed" not in text
    assert 'id="sub-01"' in text


def test_uncertainty_and_course_belong_to_their_map(tmp_path: Path) -> None:
    save_map(tmp_path, Fit={"KeptIteration": 1})
    save_map(tmp_path, method="tv")
    save(tmp_path, "anat/sub-01_desc-tkdUncertainty_Chimap", np.abs(chi_map()))
    course = tmp_path / "logs" / "sub-01" / "sub-01_desc-tkd_curve.tsv"
    write_curves(course, {"loss": [3.0, 2.0, 1.0], "held-out error": [2.0, 1.0, 1.5]})
    (series,) = find_series(tmp_path, "01")
    assert list(series.chimaps) == ["tkd", "tv"]
    assert list(series.uncertainties) == list(series.curves) == ["tkd"]
    tkd, tv = examine(series).maps
    assert tkd.main.title == "Susceptibility, tkd"
    assert [picture.title for picture in tkd.beside] == ["Uncertainty, tkd"]
    assert tkd.fit is not None
    assert tv.fit is None
    assert not tv.beside
    text = write_participant_page(tmp_path, "01").read_text(encoding="utf-8")
    assert "Course of the fit, tkd" in text
    assert "sub-01_desc-tkdUncertainty_Chimap.nii.gz" in text
    course.write_text("damaged")
    assert find_series(tmp_path, "01")[0].curves == {}


def test_damaged_image_and_other_grid_are_named(tmp_path: Path) -> None:
    save_everything(tmp_path)
    total = tmp_path / "sub-01/fmap/sub-01_desc-total_fieldmap.nii.gz"
    total.write_bytes(total.read_bytes()[:200])
    r2star = tmp_path / "sub-01/anat/sub-01_R2starmap.nii.gz"
    r2star.write_bytes(r2star.read_bytes()[:60] + bytes(500))
    small = nib.Nifti1Image(np.ones((5, 5, 5), np.float32), AFFINE)
    nib.save(small, tmp_path / "sub-01/fmap/sub-01_magnitude.nii.gz")
    text = write_participant_page(tmp_path, "01").read_text(encoding="utf-8")
    assert "sub-01_desc-total_fieldmap.nii.gz cannot be read as a 3D image." in text
    assert "sub-01_R2starmap.nii.gz cannot be read as a 3D image." in text
    assert "sub-01_magnitude.nii.gz lies on another grid and is not shown." in text
    assert "<h4>Local field</h4>" in text


def test_sidecar_with_wrong_types_is_survived(tmp_path: Path) -> None:
    path = save_map(tmp_path)
    sidecar = path.with_name("sub-01_desc-tkd_Chimap.json")
    for content in (
        "{",
        "[]",
        '{"Qsmbids": 3}',
        '{"Qsmbids": {"Stages": ["x"]}, "EchoTime": 0.02}',
    ):
        sidecar.write_text(content)
        assert write_participant_page(tmp_path, "01").stat().st_size > 1000


def test_series_are_told_apart_by_their_entities(tmp_path: Path) -> None:
    for key in ("sub-01_run-01", "sub-01_run-02", "sub-01_acq-hi"):
        save_map(tmp_path, key)
    save_map(tmp_path, "sub-01_run-01", method="tv")
    found = find_series(tmp_path, "01")
    assert [s.key for s in found] == ["sub-01_acq-hi", "sub-01_run-01", "sub-01_run-02"]
    assert list(found[1].chimaps) == ["tkd", "tv"]
    text = write_participant_page(tmp_path, "01").read_text(encoding="utf-8")
    assert '<a href="#sub-01_run-02">' in text


def test_a_failure_names_its_series_once(tmp_path: Path) -> None:
    save_failure(tmp_path, message="sub-01: the mask is empty.")
    text = write_participant_page(tmp_path, "01").read_text(encoding="utf-8")
    assert "the mask is empty." in text
    assert "sub-01: the mask" not in text


def test_participant_without_anything_has_a_page(tmp_path: Path) -> None:
    text = write_participant_page(tmp_path, "07").read_text(encoding="utf-8")
    assert "No series of this participant" in text


def test_axes_are_turned_to_right_anterior_superior(tmp_path: Path) -> None:
    data = np.zeros((4, 5, 6), np.float32)
    data[0, 1, 2] = 1  # voxel axes: posterior, superior, left
    affine = np.array([[0, 0, -3.0, 0], [-1.0, 0, 0, 0], [0, 2.0, 0, 0], [0, 0, 0, 1]])
    nib.save(nib.Nifti1Image(data, affine), tmp_path / "x.nii")
    volume = read(tmp_path / "x.nii")
    assert volume is not None
    assert volume.data.shape == (6, 4, 5)
    assert volume.grid.voxel_size == (3.0, 1.0, 2.0)
    assert volume.data[3, 3, 1] == 1
    here = volume.grid.affine @ [3, 3, 1, 1]
    assert np.allclose(here, affine @ [0, 1, 2, 1])


def test_view_is_the_head_with_a_margin(tmp_path: Path) -> None:
    mask = np.zeros((40, 40, 40), np.uint8)
    mask[10:20, 12:30, 5:25] = 1
    nib.save(nib.Nifti1Image(mask, np.diag([2.0, 3.0, 1.0, 1])), tmp_path / "m.nii")
    volume = read(tmp_path / "m.nii")
    assert volume is not None
    view = view_of(volume)
    assert view.box == (slice(7, 23), slice(10, 32), slice(0, 31))
    assert view.cut(volume).sum() == mask.sum()
    for axis, levels in enumerate(view.levels):
        assert len(levels) == 5
        assert all(view.cut(volume).take(k, axis).any() for k in levels)
    assert view.position(2, 3) == "z = 3 mm"
    assert view.position(0, 0) == "x = 14 mm"


def test_true_map_explains_the_field_whatever_its_mean() -> None:
    mask = ball()
    chi = chi_map()
    model = ForwardModel(forward_field(chi, ZOOM, (0, 0.6, 0.8), 16), mask, ZOOM, (0, 0.6, 0.8))
    assert model.residual(chi) < 0.01
    assert model.residual(chi + 0.5) < 0.01
    assert model.residual(0 * chi) == pytest.approx(100, abs=1)
    assert model.residual(0.5 * chi) == pytest.approx(50, abs=1)


def test_wrong_sign_and_wrong_scale_are_seen() -> None:
    chi = np.random.default_rng(0).normal(0, 0.03, 50_000)
    chi[:500] += 0.25
    assert all(check.good for check in map_checks(chi))
    bad = {check.name for check in map_checks(-chi) if not check.good}
    assert "Asymmetry of the extremes" in bad
    assert "Standard deviation" in {c.name for c in map_checks(2 * np.pi * chi) if not c.good}


def test_small_mask_and_lost_rim_are_seen() -> None:
    (brain,) = series_checks({}, volume=1000)
    assert brain.good
    kept = kept_check(1000, 500)
    assert kept.value == pytest.approx(50)
    assert not kept.good
    (small,) = series_checks({}, volume=500)
    (large,) = series_checks({}, volume=5000)
    assert "less than an adult" in small.text
    assert "voxel size in the header is wrong" in large.text


def test_field_without_field_strength_stays_in_hertz(tmp_path: Path) -> None:
    path = save(tmp_path, "fmap/sub-01_desc-local_fieldmap", 10 * chi_map())
    path.with_name("sub-01_desc-local_fieldmap.json").write_text("{}")
    (picture,) = examine(find_series(tmp_path, "01")[0]).pictures
    assert picture.caption.endswith("Hz.")


@pytest.mark.parametrize("storage", [[0, 1, 2], [2, 0, 1]], ids=["upright", "turned"])
def test_the_residual_takes_b0_as_the_inversion_did(tmp_path: Path, storage: list[int]) -> None:
    """The sidecar states B0 along the stored axes; the page shows upright ones."""
    b0 = np.array([0.0, 0.6, 0.8])
    field = forward_field(chi_map(), ZOOM, b0) * ball() * hz_per_ppm(3)
    turn = np.array([[storage.index(axis), 1 if axis else -1] for axis in range(3)])
    stored = (b0 * turn[:, 1])[storage].tolist()
    for name, data in (
        ("fmap/sub-01_desc-local_fieldmap", field.astype(np.float32)),
        ("anat/sub-01_desc-eroded_mask", ball().astype(np.uint8)),
        ("anat/sub-01_desc-tkd_Chimap", chi_map()),
    ):
        path = save(tmp_path, name, data, Qsmbids={"B0Direction": stored})
        nib.save(nib.load(path).as_reoriented(turn), path)
    (made,) = examine(find_series(tmp_path, "01")[0]).maps
    (check,) = (one for one in made.checks if "unexplained" in one.name)
    assert check.value < 5  # 106 % with B0 as the affine has it
    save(tmp_path, "fmap/sub-01_desc-local_fieldmap", field, Qsmbids={"B0Direction": "up"})
    told = examine(find_series(tmp_path, "01")[0])
    assert "up is no direction" in " ".join(told.notes)


def test_slices_show_right_on_the_right_in_true_proportions() -> None:
    grid = Grid(SHAPE, AFFINE)
    data = np.zeros(SHAPE, np.float32)
    data[20, 25, 15] = 1  # right, anterior, superior
    view = View(grid, tuple(slice(0, n) for n in SHAPE), (20, 25, 15), ((20,), (25,), (15,)))
    axial, coronal, sagittal = planes(data, view, {"brain": data > 0})
    assert (axial.size, axial.sides) == ((24 * 8.0, 30 * 7.0), ("L", "R"))
    assert (coronal.size, coronal.sides) == ((24 * 8.0, 20 * 9.0), ("L", "R"))
    assert (sagittal.size, sagittal.sides) == ((30 * 7.0, 20 * 9.0), ("P", "A"))
    places = [tuple(np.argwhere(p.image)[0]) for p in (axial, coronal, sagittal)]
    assert places == [(25, 20), (15, 20), (15, 25)]
    assert axial.outlines["brain"][25, 20]


def test_slices_of_a_long_thin_image_fit_into_a_picture() -> None:
    long = Panel(np.zeros((300, 4)), (4.0, 4000.0), ("L", "R"), {})
    for columns in (1, 3):
        assert strip([long] * 3, (0, 1), "ppm", columns=columns).startswith("data:image/webp")
