"""The level `evaluate`, from maps on disk to tables and the page."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import scipy.ndimage as ndi
from output_folder import save_failure

from qsmbids.cli.main import main
from qsmbids.evaluation import METRICS, Summary, evaluate, regions_of
from qsmbids.evaluation.study.run import Study
from qsmbids.evaluation.study.tables import COLUMNS
from qsmbids.reports import evaluation, evaluation_gallery
from qsmbids.simulation import TISSUES

SHAPE = (24, 26, 22)
AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
WEIGHTS = {"SHA256": "ab" * 32, "Name": "dcnet"}
NOISE = {"tv": 0.01, "tkd": 0.04}  # ppm: which method is better is known


def save(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, affine), path)
    return path


def brain() -> np.ndarray:
    x, y, z = np.indices(SHAPE)
    return (x - 12) ** 2 + (y - 13) ** 2 + (z - 11) ** 2 < 10**2


def truth(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a map with two nuclei and a calcification, and its labels."""
    labels = np.where(brain(), TISSUES["white matter"].label, 0).astype(np.uint8)
    chi = ndi.gaussian_filter(rng.normal(0, 0.1, SHAPE), 1.5)
    for place, name in (
        ((8, 13, 11), "putamen"),
        ((16, 13, 11), "pallidum"),
        ((12, 18, 11), "caudate"),
        ((12, 8, 11), "calcification"),
    ):
        at = tuple(slice(p - 1, p + 2) for p in place)
        labels[at] = TISSUES[name].label
        chi[at] += TISSUES[name].chi
    return (np.where(brain(), chi, 0) * 1.0).astype(np.float32), labels


def add_map(out: Path, key: str, method: str, chi: np.ndarray) -> Path:
    participant = key.split("_")[0]
    folder = out / participant / "anat"
    if "_ses-" in key:
        folder = out / participant / key.split("_")[1] / "anat"
    path = save(folder / f"{key}_desc-{method}_Chimap.nii.gz", chi)
    stage = {"Name": "Inversion", "Method": method, "Seconds": 2.5, "PeakMemoryMB": 120}
    block = {"Version": "1", "Method": method, "Parameters": {}, "Stages": [{}, stage]}
    if method == "tkd":
        block["Weights"] = WEIGHTS
    sidecar = path.with_name(path.name.replace(".nii.gz", ".json"))
    sidecar.write_text(json.dumps({"Units": "ppm", "Qsmbids": block}))
    save(folder / f"{key}_desc-eroded_mask.nii.gz", ndi.binary_erosion(brain()).astype(np.uint8))
    return path


def make_dataset(folder: Path) -> Path:
    """Write a dataset with truth, and maps of two methods for two participants in ``out``."""
    rng = np.random.default_rng(5)
    root = folder / "ds"
    reference = root / "derivatives" / "truth"
    for label in ("01", "02"):
        chi, labels = truth(rng)
        anat = reference / f"sub-{label}" / "anat"
        save(anat / f"sub-{label}_Chimap.nii.gz", chi)
        save(anat / f"sub-{label}_dseg.nii.gz", labels)
        for method, noise in NOISE.items():
            made = np.where(brain(), chi + rng.normal(0, noise, SHAPE), 0).astype(np.float32)
            add_map(folder / "out", f"sub-{label}", method, made)
    names = ["index\tname", *(f"{t.label}\t{name}" for name, t in TISSUES.items())]
    (reference / "dseg.tsv").write_text("\n".join(names) + "\n")
    return root


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dataset to do something to; its evaluation draws nothing, which takes most of the time."""
    monkeypatch.setattr(evaluation, "write_evaluation_page", lambda folder, *_: folder)
    monkeypatch.setattr(evaluation_gallery, "draw_gallery", lambda *_: None)
    return make_dataset(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset that has been evaluated, with its page."""
    root = make_dataset(tmp_path_factory.mktemp("finished"))
    assert run(root) == 0
    return root


def run(dataset: Path, *more: Any) -> int:
    return main([str(dataset), str(dataset.parent / "out"), "evaluate", *map(str, more)])


def table(dataset: Path, name: str = "metrics") -> list[dict[str, str]]:
    path = dataset.parent / "out" / "evaluation" / f"{name}.tsv"
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def row(dataset: Path, series: str, method: str) -> dict[str, str]:
    [found] = [r for r in table(dataset) if (r["series"], r["method"]) == (series, method)]
    return found


def reference_of(dataset: Path, label: str) -> Path:
    return dataset / "derivatives/truth" / f"sub-{label}/anat/sub-{label}_Chimap.nii.gz"


def load(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def test_values_are_those_of_evaluate_in_the_eroded_mask(finished: Path) -> None:
    anat = finished.parent / "out/sub-01/anat"
    chi = load(anat / "sub-01_desc-tkd_Chimap.nii.gz")
    mask = load(anat / "sub-01_desc-eroded_mask.nii.gz") > 0
    reference = reference_of(finished, "01")
    labels = load(reference.with_name("sub-01_dseg.nii.gz"))
    expected = evaluate(chi, load(reference), mask, regions=regions_of(labels))
    found = row(finished, "sub-01", "tkd")
    assert found["status"] == "ok"
    assert int(found["voxels"]) == mask.sum()
    for name, value in expected.items():
        text = found[name]
        assert (float("nan") if text == "n/a" else float(text)) == pytest.approx(
            value, rel=1e-4, nan_ok=True
        ), name


def test_tables_compare_the_methods_and_say_what_their_columns_are(finished: Path) -> None:
    nrmse = {r["method"]: r for r in table(finished, "summary") if r["metric"] == "nrmse"}
    assert float(nrmse["tv"]["mean"]) < float(nrmse["tkd"]["mean"])
    assert nrmse["tv"]["n"] == "2"
    seconds = [r for r in table(finished, "summary") if r["metric"] == "seconds"]
    assert {r["mean"] for r in seconds} == {"2.5"}
    [test] = [r for r in table(finished, "comparisons") if r["metric"] == "nrmse"]
    assert "too small" in test["note"]
    assert {r["metric"] for r in table(finished, "comparisons")} <= set(METRICS)
    assert {r["region"] for r in table(finished, "regions")} == {"putamen", "pallidum", "caudate"}
    for name in COLUMNS:
        path = finished.parent / "out" / "evaluation" / f"{name}.json"
        assert list(json.loads(path.read_text())) == list(table(finished, name)[0])


def test_provenance_names_maps_weights_and_reference(finished: Path) -> None:
    path = finished.parent / "out" / "evaluation" / "provenance.json"
    series = json.loads(path.read_text())["Series"]["sub-01"]
    assert series["Reference"]["Path"] == str(reference_of(finished, "01"))
    assert series["Maps"]["tkd"]["Weights"] == WEIGHTS
    assert series["Maps"]["tkd"]["SHA256"] != series["Maps"]["tv"]["SHA256"]


def test_page_shows_table_maps_profile_and_nuclei(finished: Path) -> None:
    html = (finished.parent / "out" / "evaluation" / "evaluation.html").read_text()
    for heading in ("nearest to the reference", "Maps and errors", "Line profile", "Nucleus by"):
        assert heading in html
    assert html.count("data:image/webp") == 8  # measures, nuclei, three of each participant
    assert "http://" not in html
    assert "https://" not in html


def test_method_that_left_out_a_participant_is_not_called_best() -> None:
    [nrmse] = evaluation._table(
        Study(
            reference="",
            rows=[],
            scores={"easy": {}, "tkd": {}, "tv": {}},
            summary=[
                Summary("easy", "nrmse", 10.0, float("nan"), 1),
                Summary("tkd", "nrmse", 60.0, 1.0, 2),
                Summary("tv", "nrmse", 40.0, 1.0, 2),
            ],
            tests=[],
        )
    )
    assert nrmse["best"] == "tv"


def test_bad_maps_fail_alone(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    anat = dataset.parent / "out/sub-01/anat"
    whole = (anat / "sub-01_desc-tkd_Chimap.nii.gz").read_bytes()
    (anat / "sub-01_desc-tkd_Chimap.nii.gz").write_bytes(whole[: len(whole) // 2])
    add_map(dataset.parent / "out", "sub-02", "tkd", np.full(SHAPE, np.nan, np.float32))
    assert run(dataset) == 1
    assert "truncated" in row(dataset, "sub-01", "tkd")["message"]
    assert "no values" in row(dataset, "sub-02", "tkd")["message"]
    assert row(dataset, "sub-01", "tv")["status"] == row(dataset, "sub-02", "tv")["status"] == "ok"
    assert "sub-01, tkd: " in capsys.readouterr().err


def test_map_that_is_missing_or_failed_has_a_row_that_says_why(dataset: Path) -> None:
    out = dataset.parent / "out"
    (out / "sub-01/anat/sub-01_desc-tkd_Chimap.nii.gz").unlink()
    told = "sub-03: the mask is empty."
    save_failure(out, "sub-03_run-1", message=told)
    assert run(dataset) == 1
    assert "no map of this method" in row(dataset, "sub-01", "tkd")["message"]
    for method in NOISE:
        assert row(dataset, "sub-03_run-1", method)["message"] == told


def test_map_of_another_participant_is_refused(dataset: Path) -> None:
    other = dataset.parent / "other" / "sub-01" / "anat"
    other.mkdir(parents=True)
    source = dataset.parent / "out/sub-02/anat/sub-02_desc-tv_Chimap.nii.gz"
    shutil.copy(source, other / "sub-02_desc-mine_Chimap.nii.gz")
    assert run(dataset, "--maps", other.parents[1]) == 1
    assert "folder of sub-01" in row(dataset, "sub-01", "mine")["message"]


def test_reference_on_another_grid_is_resampled_and_told(dataset: Path) -> None:
    run(dataset)
    before = row(dataset, "sub-01", "tv")
    fine = load(reference_of(dataset, "01")).repeat(2, 0).repeat(2, 1).repeat(2, 2)
    affine = np.eye(4)
    affine[:3, 3] = -0.5
    save(reference_of(dataset, "01"), fine, affine)
    assert run(dataset) == 0
    found = row(dataset, "sub-01", "tv")
    assert "resampled" in found["message"]
    assert "resampled" not in row(dataset, "sub-02", "tv")["message"]
    # the centre of a voxel lies between those of the eight equal ones into which it was cut
    assert float(found["nrmse"]) == pytest.approx(float(before["nrmse"]), rel=1e-5)


def test_storage_order_of_a_map_makes_no_difference(dataset: Path) -> None:
    path = dataset.parent / "out/sub-01/anat/sub-01_desc-tv_Chimap.nii.gz"
    affine = AFFINE.copy()
    affine[0] = [-2, 0, 0, 2.0 * (SHAPE[0] - 1)]
    save(
        dataset.parent / "other/sub-01/anat/sub-01_desc-mine_Chimap.nii.gz",
        load(path)[::-1],
        affine,
    )
    run(dataset, "--maps", dataset.parent / "other")
    assert row(dataset, "sub-01", "mine")["nrmse"] == row(dataset, "sub-01", "tv")["nrmse"]
    assert row(dataset, "sub-01", "mine")["message"] == "n/a"


def test_all_methods_are_measured_in_the_same_voxels(dataset: Path) -> None:
    out, other = dataset.parent / "out", dataset.parent / "other"
    chi = load(out / "sub-01/anat/sub-01_desc-tv_Chimap.nii.gz")
    add_map(other, "sub-01", "tv", chi)
    small = ndi.binary_erosion(brain(), iterations=3)
    save(other / "sub-01/anat/sub-01_desc-eroded_mask.nii.gz", small.astype(np.uint8))
    assert run(dataset, "--maps", other) == 0
    assert int(row(dataset, "sub-01", "tv")["voxels"]) == small.sum()
    assert "% of its mask" in row(dataset, "sub-01", "tkd")["message"]
    assert row(dataset, "sub-01", "tv (other)")["nrmse"] == row(dataset, "sub-01", "tv")["nrmse"]


def test_reference_elsewhere_and_no_reference_are_told(dataset: Path) -> None:
    away = AFFINE.copy()
    away[0, 3] = 900
    save(reference_of(dataset, "01"), load(reference_of(dataset, "01")), away)
    reference_of(dataset, "02").unlink()
    assert run(dataset) == 1
    assert "no voxel in common" in row(dataset, "sub-01", "tv")["message"]
    assert "no reference" in row(dataset, "sub-02", "tv")["message"]


def test_labels_without_names_leave_the_regions_out(dataset: Path) -> None:
    (dataset / "derivatives/truth/dseg.tsv").unlink()
    assert run(dataset) == 0
    found = row(dataset, "sub-01", "tv")
    assert "table of its labels" in found["message"]
    assert found["dnrmse_blood"] == "n/a"
    assert float(found["nrmse"]) > 0


def test_sessions_of_one_participant_count_once(dataset: Path, rng: np.random.Generator) -> None:
    out = dataset.parent / "out"
    chi = load(reference_of(dataset, "01"))
    for session in ("a", "b"):
        noisy = np.where(brain(), chi + rng.normal(0, 0.1, SHAPE), 0).astype(np.float32)
        add_map(out, f"sub-01_ses-{session}", "tv", noisy)
    run(dataset, "--method", "tv")
    [nrmse] = [r for r in table(dataset, "summary") if r["metric"] == "nrmse"]
    assert nrmse["n"] == "2"
    assert row(dataset, "sub-01_ses-a", "tv")["session_id"] == "ses-a"
    assert len(table(dataset)) == 4


def test_reference_among_the_methods_is_no_method(dataset: Path) -> None:
    assert run(dataset, "--reference", dataset.parent / "out", "--reference-desc", "tv") == 0
    assert {r["method"] for r in table(dataset)} == {"tkd"}


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (("--reference", "/nowhere"), 2, "is not a folder"),
        (("--method", "medi"), 2, "there are: tkd, tv"),
        (("--participant-label", "09"), 2, "sub-09"),
        (("--reference-desc", "medi"), 1, "No reference with desc-medi"),
        (("--session-label", "a"), 1, "no susceptibility maps"),
        (("--maps", "/nowhere"), 2, "--maps /nowhere"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    dataset: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], code: int, words: str
) -> None:
    assert run(dataset, *more) == code
    assert words in capsys.readouterr().err


def test_references_in_two_folders_need_a_choice(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth_root = dataset / "derivatives" / "truth"
    shutil.copytree(truth_root, dataset / "derivatives" / "cosmos")
    assert run(dataset) == 2
    assert "--reference" in capsys.readouterr().err
    assert run(dataset, "--reference", truth_root) == 0
