"""``qsmbids-chain``: arrays to a map by the app's stages, and one sentence where that cannot be."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import phantom
import pytest

from qsmbids.cli.invert import chain as main
from qsmbids.inversion import DEFAULT

PARAMS = {
    "TE": phantom.ECHO_TIMES,
    "B0": phantom.B0,
    "B0_dir": [0, 0, 1],
    "voxel_size": phantom.VOXEL,
}


@pytest.fixture(scope="module")
def series():
    magnitude, phase = phantom.signal()
    mask = (magnitude[0] > 30).astype(np.uint8)
    return {"phase": np.moveaxis(phase, 0, 3), "magnitude": np.moveaxis(magnitude, 0, 3)}, mask


@pytest.fixture
def inputs(series, tmp_path):
    """Return the paths of phase, magnitude, mask and params."""
    images, mask = series
    for name, image in {**images, "mask": mask}.items():
        phantom.write(tmp_path / f"{name}.nii.gz", image)
    (tmp_path / "params.json").write_text(json.dumps(PARAMS))
    return {
        name: tmp_path / name
        for name in ("phase.nii.gz", "magnitude.nii.gz", "mask.nii.gz", "params.json")
    }


def run(capsys, inputs, out, *more, method=("--method", "tkd")):
    """Return the exit code and what stands on stderr."""
    *images, params = map(str, inputs.values())
    code = main([*images, "--params", params, "--out", str(out), *method, *more])
    return code, capsys.readouterr().err


def test_a_map_is_the_same_however_the_voxels_were_stored(inputs, tmp_path, capsys):
    told = {**PARAMS, "voxel_size": [3, 3.3, 3.6]}  # counts, whatever the header says
    inputs["params.json"].write_text(json.dumps(told))
    first = tmp_path / "first.nii.gz"
    assert run(capsys, inputs, first) == (0, "")
    # the axes in the order z, x, y and y from front to back
    for name, path in list(inputs.items())[:3]:
        image = nib.load(path)
        turn = np.array([[1, 1], [2, -1], [0, 1]])
        nib.save(image.as_reoriented(turn), path)
        assert nib.load(path).shape[:3] == (38, 40, 42), name
    told |= {"voxel_size": [3.6, 3, 3.3], "B0_dir": [1, 0, 0]}
    inputs["params.json"].write_text(json.dumps(told))
    second = tmp_path / "second.nii.gz"
    assert run(capsys, inputs, second) == (0, "")
    found = nib.as_closest_canonical(nib.load(second)).get_fdata()
    np.testing.assert_allclose(found, nib.load(first).get_fdata(), atol=1e-6)


def test_finds_the_sources_and_tells_how(inputs, tmp_path, capsys):
    out = tmp_path / "chi.nii.gz"
    assert run(capsys, inputs, out, "--option", "tkd.threshold=0.15") == (0, "")
    chi = nib.load(out).get_fdata()
    assert chi[16, 20, 19] > 0.1 > -0.05 > chi[25, 22, 18]
    stages = json.loads((tmp_path / "chi.json").read_text())["Qsmbids"]["Stages"]
    assert [stage["Name"] for stage in stages] == ["Mask", "Total field", "Background", "Inversion"]
    assert stages[-1]["Parameters"]["threshold"] == 0.15


def test_the_default_is_that_of_the_app(inputs, tmp_path, capsys):
    out = tmp_path / "chi.nii.gz"
    assert run(capsys, inputs, out, method=()) == (0, "")
    stages = json.loads((tmp_path / "chi.json").read_text())["Qsmbids"]["Stages"]
    assert stages[-1]["Method"] == DEFAULT


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({**PARAMS, "TE": [0.005, 0.010]}, "holds 3 echoes, params.json 2 echo times"),
        ({**PARAMS, "TE": []}, "TE must be echo times in seconds"),
        ({**PARAMS, "B0": None}, "B0 must be 0.05 to 25 tesla"),
        ({**PARAMS, "B0_dir": [0, 1]}, "B0_dir must be a direction"),
        ({**PARAMS, "voxel_size": [3, 3, "x"]}, "voxel_size must be three"),
        ({**PARAMS, "voxel_size": [3, 3, 0]}, "voxel_size must be three"),
        ([1], "must hold an object"),
    ],
    ids=["echoes", "no echo", "no B0", "two numbers", "text", "zero", "list"],
)
def test_params_that_make_no_sense(content, message, inputs, tmp_path, capsys):
    inputs["params.json"].write_text(json.dumps(content))
    code, said = run(capsys, inputs, tmp_path / "chi.nii.gz")
    assert code == 1
    assert message in said
    assert len(said.splitlines()) == 1


def test_a_magnitude_of_another_grid(inputs, series, tmp_path, capsys):
    phantom.write(inputs["magnitude.nii.gz"], series[0]["magnitude"][1:])
    code, said = run(capsys, inputs, tmp_path / "chi.nii.gz")
    assert code == 1
    assert "magnitude.nii.gz lies on another grid" in said


def test_an_option_of_a_method_that_does_not_run(inputs, tmp_path, capsys):
    code, said = run(capsys, inputs, tmp_path / "chi.nii.gz", "--option", "tv.iterations=3")
    assert code == 2
    assert "tv was not asked for" in said


@pytest.mark.parametrize("text", ['{"TE": [0.005], "B0": ' + "9" * 400 + "}", "[" * 100_000])
def test_params_beyond_numbers_are_one_sentence(inputs, tmp_path, capsys, text):
    inputs["params.json"].write_text(text)
    code, said = run(capsys, inputs, tmp_path / "chi.nii.gz")
    assert code == 1
    assert len(said.splitlines()) == 1
    assert said.startswith("qsmbids-chain: params.json")
