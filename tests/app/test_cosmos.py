"""The app on several head orientations: which belong together, and what is made of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from bids_tree import write_derivatives

from qsmbids.bids import Inventory, Series, with_orientations
from qsmbids.cli.main import main
from qsmbids.errors import UsageError
from qsmbids.physics import forward_field

SHAPE, VOXEL = (30, 32, 28), (3.0, 3.0, 3.0)
B0 = {"a": (0.0, 0.0, 1.0), "b": (0.0, 0.5, 0.866), "c": (0.5, 0.0, 0.866)}


def series(stem: str) -> Series:
    entities = dict(part.split("-") for part in stem.split("_"))
    return Series(entities["sub"], entities.get("ses"), entities, "raw", sources=(stem,))


def grouped(*stems: str, group: str = "auto") -> Inventory:
    members = tuple(map(series, stems))
    people = tuple(dict.fromkeys(one.participant for one in members))
    return with_orientations(Inventory(members, (), people), group)


@pytest.mark.parametrize(
    ("stems", "key"),
    [
        (("sub-1_ses-a", "sub-1_ses-b", "sub-1_ses-c"), "sub-1"),
        (("sub-1_ses-a_run-1", "sub-1_ses-a_run-2"), "sub-1_ses-a"),
        (("sub-1_acq-x_rec-y", "sub-1_acq-z_rec-y"), "sub-1_rec-y"),
        (("sub-1_ses-a_acq-up", "sub-1_ses-b_acq-left", "sub-1_ses-c_acq-up"), "sub-1"),
    ],
)
def test_auto_takes_what_tells_all_series_apart(stems, key):
    found = grouped(*stems)
    combined = found.series[-1]
    assert combined.key == key
    assert [one.key for one in combined.orientations] == list(stems)
    assert combined.sources == stems
    assert not found.skipped


SQUARE = ("sub-1_ses-a_run-1", "sub-1_ses-a_run-2", "sub-1_ses-b_run-1", "sub-1_ses-b_run-2")


def test_a_group_makes_one_map_for_each_of_the_others():
    keys = [one.key for one in grouped(*SQUARE, group="run").series if one.orientations]
    assert keys == ["sub-1_ses-a", "sub-1_ses-b"]
    keys = [one.key for one in grouped(*SQUARE, group="session").series if one.orientations]
    assert keys == ["sub-1_run-1", "sub-1_run-2"]


def test_what_cannot_be_combined_is_said_for_each_participant():
    found = grouped(*SQUARE, "sub-2_ses-a")
    ambiguous, single = found.skipped
    assert "cosmos.group" in ambiguous.reason
    assert "one series, sub-2_ses-a" in single.reason
    assert ambiguous.error
    assert single.error
    (alone,) = grouped(
        "sub-1_acq-x_run-1", "sub-1_acq-y_run-2", "sub-1_acq-y_run-3", group="acq"
    ).skipped
    assert "differ in acq alone" in alone.reason


def test_an_unknown_group():
    with pytest.raises(UsageError, match="session, run, acq"):
        grouped("sub-1", group="dir")


def ball(centre, radius):
    axes = np.ogrid[tuple(slice(0, n) for n in SHAPE)]
    return sum((a - c) ** 2 for a, c in zip(axes, centre, strict=True)) <= radius**2


MASK = ball((15, 16, 14), 12)
CHI = 0.2 * ball((12, 15, 14), 3.2) - 0.1 * ball((19, 17, 13), 2.6)
CHI = np.where(MASK, CHI - CHI[MASK].mean(), 0)


def write(path: Path, data: np.ndarray, **meta: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(data.astype(np.float32), np.diag([*VOXEL, 1.0]))
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
    path.with_name(path.name.replace(".nii.gz", ".json")).write_text(json.dumps(meta))


@pytest.fixture
def dataset(tmp_path):
    """Local fields of three orientations on one grid, each stating its B0 direction."""
    root = tmp_path / "fields"
    write_derivatives(root)
    for session, direction in B0.items():
        stem = root / f"sub-01/ses-{session}/{{}}/sub-01_ses-{session}_desc-{{}}.nii.gz"
        field = forward_field(CHI, VOXEL, direction) * MASK
        where = str(stem).format
        write(
            Path(where("fmap", "local_fieldmap")),
            field,
            Units="ppm",
            **({} if session == "a" else {"B0Direction": direction}),
        )
        write(Path(where("anat", "brain_mask")), MASK)
    return root


def run(dataset: Path, *more: str) -> int:
    beside = dataset.parent
    return main(
        [
            str(dataset),
            str(beside / "out"),
            "participant",
            "--method",
            "cosmos",
            "-w",
            str(beside / "work"),
            "--skip-bids-validation",
            "--nprocs",
            "1",
            "--start",
            "local-field",
            *more,
        ]
    )


def cosmos_map(dataset: Path) -> Path:
    return dataset.parent / "out/sub-01/anat/sub-01_desc-cosmos_Chimap.nii.gz"


def test_aligned_fields_make_one_map_and_a_second_run_nothing(dataset, capsys):
    assert run(dataset) == 0
    chi = nib.load(cosmos_map(dataset)).get_fdata()
    assert np.linalg.norm(chi - CHI) < 0.1 * np.linalg.norm(CHI)
    meta = json.loads(Path(str(cosmos_map(dataset)).replace(".nii.gz", ".json")).read_text())
    assert len([uri for uri in meta["Sources"] if "fieldmap" in uri]) == 3
    block = meta["Qsmbids"]
    assert block["MethodLabel"] == "COSMOS"
    assert block["ConditionNumber"] < 10
    assert block["SourcesOutsideMasks"] is False
    assert block["AnglesBetweenOrientations"][0] == pytest.approx([0, 30, 30], abs=0.1)
    stated = [one["B0Direction"] for one in block["Stages"][0]["Orientations"]]
    assert np.array(stated) == pytest.approx(np.array([*B0.values()]), abs=1e-3)
    assert not list((dataset.parent / "out").rglob("*desc-tv*"))
    assert "COSMOS" in (dataset.parent / "out/sub-01.html").read_text()
    capsys.readouterr()
    assert run(dataset) == 0
    assert "0 series done, 4 unchanged" in capsys.readouterr().out
    field = next(dataset.glob("sub-01/ses-b/fmap/*fieldmap.nii.gz"))
    before = cosmos_map(dataset).read_bytes()
    write(field, 0.9 * nib.load(field).get_fdata(), Units="ppm", B0Direction=B0["b"])
    assert run(dataset) == 0
    assert cosmos_map(dataset).read_bytes() != before


def test_the_rest_goes_on_without_an_orientation_that_fails(dataset, capsys):
    field = next(dataset.glob("sub-01/ses-c/fmap/*fieldmap.nii.gz"))
    write(field, np.zeros(SHAPE), Units="ppm", B0Direction=B0["c"])
    assert run(dataset) == 1
    meta = json.loads(Path(str(cosmos_map(dataset)).replace(".nii.gz", ".json")).read_text())
    warnings = meta["Qsmbids"]["Warnings"]
    assert any("sub-01_ses-c failed and is left out" in text for text in warnings)
    assert any("2 orientations" in text for text in warnings)
    assert not any("ses-c" in uri for uri in meta["Sources"])
    for session in "bc":
        field = next(dataset.glob(f"sub-01/ses-{session}/fmap/*fieldmap.nii.gz"))
        write(field, np.zeros(SHAPE), Units="ppm", B0Direction=B0[session])
    capsys.readouterr()
    assert run(dataset) == 1
    assert "two or more are needed" in capsys.readouterr().err


def test_without_magnitude_and_stated_direction_nothing_can_be_registered(dataset, capsys):
    field = next(dataset.glob("sub-01/ses-b/fmap/*fieldmap.nii.gz"))
    write(field, nib.load(field).get_fdata(), Units="ppm")
    assert run(dataset) == 1
    assert "no magnitude to register" in capsys.readouterr().err


def test_a_stated_direction_that_is_none(dataset, capsys):
    field = next(dataset.glob("sub-01/ses-b/fmap/*fieldmap.nii.gz"))
    write(field, nib.load(field).get_fdata(), Units="ppm", B0Direction=[0, 0, 0])
    assert run(dataset, "--dry-run") == 1
    assert "give the direction of B0" in capsys.readouterr().out


def test_dry_run_tells_what_is_combined(dataset, capsys):
    assert run(dataset, "--dry-run", "--option", "cosmos.iterations=5") == 0
    told = capsys.readouterr().out
    assert "sub-01_ses-a and sub-01_ses-b and sub-01_ses-c" in told
    assert "cosmos (group=auto, iterations=5, tolerance=0.0001, max_condition=50.0)" in told


def test_one_orientation_is_refused_at_once(dataset, capsys):
    for session in "bc":
        shutil.rmtree(dataset / "sub-01" / f"ses-{session}")
    assert run(dataset) == 1
    (told,) = capsys.readouterr().err.splitlines()
    assert "--method cosmos: no participant has a head in two orientations. sub-01 has one" in told
    assert not (dataset.parent / "out").exists()
