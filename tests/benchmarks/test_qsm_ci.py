"""The entries for QSM-CI: its runner runs them, its scorer takes their maps."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

pytest.importorskip("qsm_ci")
import yaml
from qsm_ci.cli import main as qsm_ci
from qsm_ci.qsm_eval import score_arrays
from qsm_ci.stages import ARTIFACT_FILE, STAGES

from benchmarks.leaderboard import write_artifacts
from qsmbids.background import METHODS as BACKGROUND
from qsmbids.inversion import METHODS
from qsmbids.simulation import HeadRecipe, simulate_head

ROOT = Path(__file__).resolve().parents[2] / "docker" / "qsm-ci"
ENTRIES = sorted(path.parent for path in ROOT.glob("*/algorithm.yml"))


def manifest(entry):
    return yaml.safe_load((entry / "algorithm.yml").read_text())


@pytest.fixture(scope="module")
def head():
    return simulate_head(
        HeadRecipe(shape=(42, 48, 44), voxel_size=(4.0, 4.2, 4.4), b0_tilt=(20, 0), snr=200)
    )


@pytest.fixture(scope="module")
def artifacts(head, tmp_path_factory):
    """Return the folder of the contract's artifacts, whose affine does not tell B0."""
    folder = tmp_path_factory.mktemp("artifacts")
    write_artifacts(head, folder, np.diag([-4.0, -4.2, 4.4, 1.0]))
    return folder


@pytest.fixture
def run(artifacts, tmp_path, monkeypatch):
    """Return what runs an entry by QSM-CI's runner and gives its image and scores."""
    here = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", os.pathsep.join([here, os.environ["PATH"]]))

    def call(entry, *settings):
        given = []
        for name in STAGES[manifest(entry)["stage"]]["consumes"]:
            given += [f"--{name}", str(artifacts / ARTIFACT_FILE[name])]
        for text in settings:
            given += ["--set", text]
        out = tmp_path / "chimap.nii.gz"
        assert qsm_ci(["run", str(entry), "--runner", "local", "-o", str(out), *given]) == 0
        image, truth, mask = (
            nib.load(path) for path in (out, artifacts / "chimap.nii.gz", artifacts / "mask.nii.gz")
        )
        np.testing.assert_allclose(image.affine, truth.affine)
        scores, _ = score_arrays(*(np.asarray(each.dataobj) for each in (image, truth, mask)))
        return image, scores

    return call


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_manifest_says_what_the_code_does(entry):
    told = manifest(entry)
    assert told["slug"] == entry.name
    assert told["inputs"] == STAGES[told["stage"]]["consumes"]
    script = (entry / "run.sh").read_text()
    defaults = METHODS[told["algorithm"]].defaults() if told["algorithm"] in METHODS else {}
    for parameter in told["parameters"]:
        name, default = parameter["name"], parameter["default"]
        assert f"${{QSMCI_SET_{name.upper()}:-{default}}}" in script
        assert default == defaults.get(name, default)


def test_the_chain_names_methods_that_exist():
    told = {
        each["name"]: each["default"] for each in manifest(ROOT / "chain-qsmbids")["parameters"]
    }
    assert told["background"] in BACKGROUND
    assert told["method"] in METHODS


def test_the_dipole_entry_takes_the_geometry_from_params(run):
    _, scores = run(ROOT / "tv-qsmbids")
    # 27 %, but 65 % with B0 along the third axis, as the affine has it
    assert scores["nrmse"] < 40
    assert scores["coverage"] > 0.999


def test_a_setting_reaches_the_method(run):
    _, fine = run(ROOT / "tv-qsmbids")
    _, smooth = run(ROOT / "tv-qsmbids", "regularization=20")
    assert smooth["nrmse"] > 1.2 * fine["nrmse"]


def test_the_chain_goes_from_phase_to_susceptibility(run):
    _, scores = run(ROOT / "chain-qsmbids", "background=pdf", "method=tv")
    assert scores["correlation"] > 0.5
    assert scores["coverage"] > 0.6


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dcnet-qsmbids", "dcnet-tv-qsmbids", "chain-qsmbids"])
def test_the_networks_of_the_package_run(run, name):
    image, scores = run(ROOT / name)
    assert np.isfinite(image.get_fdata()).all()
    assert scores["correlation"] > 0.5
