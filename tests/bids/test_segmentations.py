"""Finding segmentations in derivatives."""

from __future__ import annotations

from pathlib import Path

import pytest
from bids_tree import add_series, only, settings_for, write_description, write_image

from qsmbids.bids.find import find_series
from qsmbids.bids.labels import label_names, label_table
from qsmbids.bids.segmentations import segmentation_label
from qsmbids.errors import InputError


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    root = write_description(tmp_path / "ds")
    add_series(root, "sub-01_ses-a")
    return root


def found(raw: Path, *roots: Path) -> Path | None:
    derivatives = {root.name: root for root in roots}
    settings = settings_for(raw, segmentation=True, derivatives=derivatives)
    return only(find_series(settings)).segmentation


def freesurfer(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def test_the_best_of_freesurfers_segmentations_is_taken(raw: Path, tmp_path: Path) -> None:
    root = freesurfer(
        tmp_path / "fs", "sub-01/mri/aparc+aseg.mgz", "sub-01/mri/aseg.mgz", "sub-02/mri/aseg.mgz"
    )
    path = found(raw, root)
    assert path == root / "sub-01" / "mri" / "aseg.mgz"
    assert segmentation_label(path) == "aseg"


def test_a_sessions_own_subject_comes_first(raw: Path, tmp_path: Path) -> None:
    root = freesurfer(tmp_path / "fs", "sub-01/mri/aseg.mgz", "sub-01_ses-a/mri/aseg.mgz")
    assert found(raw, root) == root / "sub-01_ses-a" / "mri" / "aseg.mgz"


def test_bids_names_by_desc_not_in_template_space_nor_of_another_session(
    raw: Path, tmp_path: Path
) -> None:
    anat = tmp_path / "prep" / "sub-01" / "anat"
    for name in (
        "sub-01_desc-aparcaseg_dseg.nii.gz",
        "sub-01_desc-aseg_dseg.nii.gz",
        "sub-01_space-MNI152NLin2009cAsym_desc-aseg_dseg.nii.gz",
        "sub-01_ses-b_desc-aseg_dseg.nii.gz",
        "sub-01_desc-tissue_dseg.nii.gz",
    ):
        write_image(anat / name)
    path = found(raw, tmp_path / "prep")
    assert path == anat / "sub-01_desc-aseg_dseg.nii.gz"
    assert segmentation_label(path) == "aseg"


def test_without_one_the_series_goes_on_with_a_warning(raw: Path, tmp_path: Path) -> None:
    other = freesurfer(tmp_path / "fs", "sub-02/mri/aseg.mgz")
    settings = settings_for(raw, segmentation=True, derivatives={"fs": other})
    series = only(find_series(settings))
    assert series.segmentation is None
    assert "sub-01_ses-a has no segmentation" in series.warnings[-1]
    assert not only(find_series(settings_for(raw, derivatives={"fs": other}))).warnings


def test_names_come_from_the_table_beside_or_above(tmp_path: Path) -> None:
    image = tmp_path / "sub-01" / "anat" / "sub-01_desc-aseg_dseg.nii.gz"
    image.parent.mkdir(parents=True)
    assert label_table(image) is None
    (tmp_path / "desc-aseg_dseg.tsv").write_text("index\tname\n3\tPutamen\n")
    assert label_names(image) == {3: "Putamen"}
    image.with_name("sub-01_desc-aseg_dseg.tsv").write_text("name\tindex\nCaudate\t4\n")
    assert label_names(image) == {4: "Caudate"}
    image.with_name("sub-01_desc-aseg_dseg.tsv").write_text("name\nCaudate\n")
    with pytest.raises(InputError, match="index and name"):
        label_names(image)
