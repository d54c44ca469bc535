from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from bids_tree import add_series, settings_for, write_derivatives, write_description, write_image

from qsmbids.bids import (
    derivative_path,
    desc_label,
    sidecar,
    write_dataset_description,
    write_json,
)
from qsmbids.bids.find import find_series
from qsmbids.bids.series import Series
from qsmbids.bids.sidecar import KINDS, write_text
from qsmbids.inversion import METHODS

SERIES = Series("01", "a", {"sub": "01", "ses": "a", "acq": "x", "run": "01"}, "raw")
PROVENANCE = {
    "Version": "1",
    "Method": "tv",
    "MethodLabel": "Total variation",
    "Parameters": {"regularisation": 1e-3},
    "Reference": "mean of the mask",
    "Warnings": [],
    "VoxelSize": [1.0, 1.0, 2.0],
    "B0Direction": [0.0, 0.0, 1.0],
    "Stages": [{"Name": "unwrapping", "Method": "best-path", "Parameters": {}, "Seconds": 1.0}],
}


def test_names():
    out = Path("out")
    path = derivative_path(out, SERIES, "Chimap", desc="uqsm+")
    expected = "sub-01/ses-a/anat/sub-01_ses-a_acq-x_run-01_desc-uqsmplus_Chimap.nii.gz"
    assert path == out / expected
    other = Series("01", None, {"sub": "01", "acq": "x", "rec": "y", "run": "1"}, "raw")
    path = derivative_path(out, other, "fieldmap", desc="total", datatype="fmap")
    assert path.name == "sub-01_acq-xrecy_run-1_desc-total_fieldmap.nii.gz"
    flat = Series("01", None, {"sub": "01"}, "raw")
    path = derivative_path(out, flat, "magnitude", datatype="fmap", extension=".json")
    assert path == out / "sub-01/fmap/sub-01_magnitude.json"


def test_labels_of_all_methods_differ():
    labels = [desc_label(name) for name in METHODS]
    assert len(set(labels)) == len(labels)
    assert all(label.isalnum() and label.isascii() for label in labels)


def test_unknown_kind():
    with pytest.raises(ValueError, match="no kind of output"):
        sidecar(SERIES, kind="SWI", provenance={})


def test_writing_leaves_an_equal_file_and_no_temporary_one(tmp_path):
    path = tmp_path / "new" / "a.json"
    write_json(path, {"b": 1, "a": "µ"})
    before = path.stat()
    write_json(path, {"b": 1, "a": "µ"})
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino
    assert list(json.loads(path.read_text(encoding="utf-8"))) == ["b", "a"]
    assert list(path.parent.iterdir()) == [path]


def test_writers_side_by_side_leave_one_whole_file(tmp_path):
    path = tmp_path / "a.txt"
    texts = [letter * 100_000 for letter in "abcdefgh"]
    writers = [threading.Thread(target=write_text, args=(path, text)) for text in texts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_text() in texts
    assert list(tmp_path.iterdir()) == [path]


def mock_output(tmp_path: Path) -> Path:
    """Write every kind of output for every kind of input, tiny."""
    raw = write_description(tmp_path / "raw")
    masks = write_derivatives(tmp_path / "masks")
    write_image(masks / "sub-01/anat/sub-01_desc-brain_mask.nii.gz", dtype="uint8")
    add_series(raw, "sub-01_ses-a_acq-x_rec-y_run-01")
    add_series(raw, "sub-02", suffix="T2starw", echoes=0)
    add_series(raw, "sub-03_task-rest_acq-x_ce-gd_rec-y_run-2_chunk-1", suffix="MEGRE")
    settings = settings_for(raw, derivatives={"masks": masks})
    write_dataset_description(settings)
    out = settings.output_dir
    for series in find_series(settings).series:
        for kind in KINDS:
            label, _, suffix = kind.rpartition("_")
            datatype = "fmap" if kind == "magnitude" or suffix == "fieldmap" else "anat"
            labels = METHODS if kind == "Chimap" else [label]
            for desc in labels:
                path = derivative_path(out, series, suffix, desc=desc, datatype=datatype)
                dtype = "uint8" if suffix == "mask" else "float32"
                write_image(path, dtype=dtype)
                content = sidecar(series, kind=kind, provenance=PROVENANCE)
                write_json(path.with_name(path.name.replace(".nii.gz", ".json")), content)
        write_text(out / f"sub-{series.participant}.html", "<html></html>")
        write_text(out / f"sub-{series.participant}" / "figures" / "a.svg", "<svg/>")
    write_text(out / "logs" / "CITATION.md", "-")
    return out


def test_description_keeps_the_links_of_earlier_runs(tmp_path):
    first = settings_for(tmp_path / "raw", derivatives={"masks": tmp_path / "masks"})
    write_dataset_description(first)
    path = first.output_dir / "dataset_description.json"
    before = path.read_bytes()
    write_dataset_description(settings_for(tmp_path / "raw"))
    assert path.read_bytes() == before
    links = json.loads(before)["DatasetLinks"]
    assert links == {name: (tmp_path / name).as_uri() for name in ("raw", "masks")}


@pytest.fixture
def validator() -> str:
    beside = Path(sys.executable).with_name("bids-validator-deno")
    found = str(beside) if beside.exists() else shutil.which("bids-validator-deno")
    if not found:
        pytest.skip("bids-validator-deno is not installed")
    return found


def test_the_validator_accepts_every_output(tmp_path, validator):
    out = mock_output(tmp_path)
    run = subprocess.run(
        [validator, str(out), "--format", "json", "--ignoreWarnings"],
        capture_output=True,
        text=True,
        check=False,
    )
    issues = json.loads(run.stdout)["issues"]["issues"]
    assert [issue for issue in issues if issue["severity"] == "error"] == []
    assert run.returncode == 0
    assert len(list(out.rglob("*.nii.gz"))) == 3 * (len(KINDS) - 1 + len(METHODS))


@pytest.mark.parametrize("start", ["total-field", "local-field"])
@pytest.mark.parametrize("with_raw", [True, False])
def test_own_outputs_are_a_start(tmp_path, start, with_raw):
    out = mock_output(tmp_path)
    root = tmp_path / "raw" if with_raw else out
    inventory = find_series(settings_for(root, derivatives={"own": out}, start=start))
    assert not inventory.skipped
    label = {"total-field": "brain", "local-field": "eroded"}[start]
    for series in inventory.series:
        assert f"desc-{label}_mask" in series.mask.name
        assert series.field_strength == 3
        assert series.magnitude
        assert bool(series.echo_times) == with_raw
    keys = [series.key for series in inventory.series]
    rec = "_acq-x_rec-y_run-01" if with_raw else "_acq-xrecy_run-01"
    assert keys[:2] == [f"sub-01_ses-a{rec}", "sub-02"]
