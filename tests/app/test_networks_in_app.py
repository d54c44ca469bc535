"""Networks as methods of the app: their weights, what is told of them, what is computed anew."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from bids_tree import settings_for, write_derivatives, write_description, write_meta
from volumes import invert

from qsmbids.bids import Series
from qsmbids.bids.sidecar import read_curves, write_curves
from qsmbids.cli.invert import main as invert_main
from qsmbids.cli.main import main
from qsmbids.cli.parser import parse
from qsmbids.errors import InputError, UsageError
from qsmbids.interfaces import arrays
from qsmbids.interfaces.axis_order import upright_grid
from qsmbids.interfaces.derivatives import WriteDerivatives
from qsmbids.interfaces.reporting import stages_of
from qsmbids.interfaces.susceptibility import Inversion as InversionStage
from qsmbids.inversion import METHODS, Reconstruction, reconstruct
from qsmbids.networks import weights_file as files
from qsmbids.physics import Problem, forward_field
from qsmbids.reports import methods_text, write_participant_page
from qsmbids.workflows import plan, records, resources

torch = pytest.importorskip("torch")

from qsmbids.inference.fit_options import FitOptions  # noqa: E402
from qsmbids.networks.direct import DirectNet  # noqa: E402
from qsmbids.networks.uncertainty_net import UncertaintyNet  # noqa: E402
from qsmbids.networks.weights import save_weights  # noqa: E402

SHAPE = (26, 28, 24)
NETWORKS = [name for name, entry in METHODS.items() if "weights" in entry.preset]
FITS = {"iterations": 2, "learning_rate": 1e-4}


def head(size: float = 0.42) -> tuple[np.ndarray, np.ndarray]:
    """Return field and mask of a ball in an ellipsoid."""
    where = np.stack(np.indices(SHAPE), -1) - np.array(SHAPE) / 2
    mask = ((where / (size * np.array(SHAPE))) ** 2).sum(-1) < 1
    chi = np.where((where**2).sum(-1) < 9, 0.2, 0.0)
    noise = np.random.default_rng(0).normal(0, 0.002, SHAPE)
    return np.where(mask, forward_field(chi, (1, 1, 1)) + noise, 0).astype(np.float32), mask


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return make_weights(tmp_path / "toy.safetensors", 0)


def make_weights(path: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    card = {"name": "toy", "recipe": {"name": "toyrecipe"}, "steps": 3, "commit": "abc"}
    return save_weights(DirectNet(base=2, levels=3), path, card)


def add_fields(root: Path, field: np.ndarray, mask: np.ndarray) -> None:
    for name, image in (
        ("fmap/sub-01_desc-local_fieldmap", field),
        ("anat/sub-01_desc-eroded_mask", mask.astype(np.uint8)),
    ):
        path = root / "sub-01" / f"{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(image, np.eye(4)), path)
    write_meta(root / "sub-01/fmap/sub-01_desc-local_fieldmap.nii.gz", {"Units": "ppm"})


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """Return a command on a dataset of one local field."""
    root = write_description(tmp_path / "ds")
    (root / "sub-01").mkdir()
    add_fields(write_derivatives(tmp_path / "q"), *head())
    return [
        *(str(root), str(tmp_path / "out"), "participant", "-w", str(tmp_path / "work")),
        *("-d", f"q={tmp_path / 'q'}", "--start", "local-field", "--skip-bids-validation"),
        *("--nprocs", "1"),
    ]


# the table of methods


@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_has_weights_of_its_own_name(name: str) -> None:
    assert METHODS[name].defaults()["weights"] == name.removesuffix("-tv")
    assert METHODS[name].resolve({"weights": "x"})["weights"] == "x"


def test_a_preset_reaches_the_function(weights: Path) -> None:
    entry = replace(METHODS["uqsm"], preset={"weights": str(weights)})
    field, mask = head()
    found = entry.load()(Problem(field, mask, (1, 1, 1)))
    assert found.details["Weights"]["Name"] == "toy"


@pytest.mark.parametrize("name", sorted(set(NETWORKS) & set(files.bundled())))
def test_shipped_weights_work_under_their_method(name: str) -> None:
    field, mask = head()
    options = FITS if "iterations" in METHODS[name].defaults() else {}
    found = reconstruct(field, mask, voxel_size=(1, 1, 1), method=name, **options)
    assert found.details["Weights"]["SHA256"] == files.digest(files.bundled()[name])
    assert np.isfinite(found.chi).all()


# what a method gives besides the map


def test_a_method_without_evidence_gives_the_map_alone() -> None:
    field, mask = head()
    found = reconstruct(field, mask, voxel_size=(1, 1, 1), method="tkd")
    assert isinstance(found, Reconstruction)
    assert (found.uncertainty, dict(found.curves), dict(found.details)) == (None, {}, {})
    np.testing.assert_array_equal(
        found.chi, invert(field, mask, voxel_size=(1, 1, 1), method="tkd")
    )


@pytest.mark.parametrize("method", ["qsminvnet", "dip", "zs-uqsm+"])
def test_a_fit_tells_its_course(method: str, weights: Path) -> None:
    field, mask = head()
    options = {
        "qsminvnet": {"weights": str(weights)},
        "dip": {"filters": 2},
        "zs-uqsm+": {"filters": 2, "patch_iterations": 1, "patch_size": 16},
    }[method]
    found = reconstruct(field, mask, voxel_size=(1, 1, 1), method=method, **FITS, **options)
    course = found.details["Fit"]
    assert set(found.curves) == {"loss", "held-out error"}
    assert {len(values) for values in found.curves.values()} == {course["Iterations"] + 1}
    errors = found.curves["held-out error"]
    fell = min(errors) <= (1 - FitOptions.gain) * errors[0]
    kept = errors.index(min(errors)) if fell else 0
    assert (course["KeptIteration"], course["HeldOutErrorKept"]) == (kept, errors[kept])
    assert ("Weights" in found.details) == (method == "qsminvnet")


def test_uncertainty_is_cut_and_pasted_like_the_map(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def estimate(chi, problem):
        return np.where(problem.mask, 0.01 + np.abs(chi), 7).astype(np.float32)

    monkeypatch.setattr("qsmbids.inference.predict_uncertainty.predict_uncertainty", estimate)
    monkeypatch.setattr("qsmbids.networks.weights_file.describe", lambda *_: {"SHA256": "x"})
    field, mask = head()
    for method in ("uqsm", "qsminvnet"):
        options = {"weights": str(weights), "uncertainty": True}
        options |= FITS if method == "qsminvnet" else {}
        found = reconstruct(field, mask, voxel_size=(1, 1, 1), method=method, **options)
        assert found.uncertainty is not None
        np.testing.assert_allclose(
            found.uncertainty, np.where(mask, 0.01 + np.abs(found.chi), 0), atol=1e-5
        )
        assert "UncertaintyWeights" in found.details


def test_curves_come_back_from_their_table(tmp_path: Path) -> None:
    curves = {"loss": [3.0, 2.0], "held-out error": [0.5, 0.25]}
    write_curves(tmp_path / "a.tsv", curves)
    assert read_curves(tmp_path / "a.tsv") == curves
    (tmp_path / "a.tsv").write_text("iteration\tloss\n0\tx\n")
    assert read_curves(tmp_path / "a.tsv") == read_curves(tmp_path / "none.tsv") == {}


# the command line


def test_weights_go_to_the_one_method_that_takes_them(
    command: list[str], weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(weights.parent)
    settings = parse([*command, "--method", "tkd", "uqsm", "--weights", weights.name])
    assert settings.options == {"uqsm": {"weights": str(weights)}}
    assert settings.weights["uqsm"]["weights"] == files.digest(weights)
    assert set(settings.weights) == {"uqsm", "network"}  # the brain mask's, too
    settings = parse([*command, "--method", "uqsm", "--option", f"uqsm.weights={weights.name}"])
    assert settings.options == {"uqsm": {"weights": str(weights)}}


def test_names_of_shipped_weights_stay_names(command: list[str], weights: Path) -> None:
    asked = ["--method", "uqsm", "qsminvnet+"]
    given = ["--weights", f"uqsm={weights}", "qsminvnet+=dcnet"]
    settings = parse([*command, *asked, *given])
    assert settings.options["qsminvnet+"] == {"weights": "dcnet"}
    assert settings.weights["qsminvnet+"]["weights"] == files.digest(files.bundled()["dcnet"])


@pytest.mark.parametrize(
    ("asked", "given", "says"),
    [
        (["tkd"], ["a"], "no method asked for takes weights; ask for one of: dcnet,"),
        (["uqsm", "dcnet"], ["a"], "write whose they are, such as uqsm=a"),
        (["uqsm"], ["dcnet=a"], "such as uqsm=a"),
        (["uqsm", "tkd"], ["tkd=a"], "such as uqsm=a"),
        (["uqsm"], ["a", "uqsm=b"], "given twice"),
    ],
)
def test_unclear_weights_are_a_usage_error(
    command: list[str], asked: list[str], given: list[str], says: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(says)):
        parse([*command, "--method", *asked, "--weights", *given])


def spoil_missing(path: Path) -> None:
    path.unlink()


def spoil_bytes(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 255
    path.write_bytes(content)


def spoil_foreign(path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.ones(2)}, path)


def spoil_bfloat16(path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.ones(2, dtype=torch.bfloat16)}, path)


def spoil_newer(path: Path) -> None:
    save_weights(DirectNet(base=2, levels=2), path, {"architecture": "newer"})


def spoil_spread(path: Path) -> None:
    save_weights(UncertaintyNet(base=2, levels=2), path)


def spoil_card(change):
    """Return what writes weights whose card is changed, and nothing else."""

    def spoil(path: Path) -> None:
        from safetensors import safe_open
        from safetensors.torch import load_file, save_file

        save_weights(DirectNet(base=2, levels=2), path)
        with safe_open(path, "pt") as file:
            told = dict(file.metadata())
        card = change(json.loads(told.pop("card")))
        kept = {} if card is None else {"card": card if isinstance(card, str) else json.dumps(card)}
        save_file(load_file(path), path, {**told, **kept})

    return spoil


CARDS = {
    "no card": (lambda card: None, "has no card"),
    "no JSON": (lambda card: "{", "is no JSON object"),
    "a list": (lambda card: [1], "is no JSON object"),
    "empty": (lambda card: {}, "its architecture is missing"),
    "no config": (lambda card: {"architecture": "direct"}, "its config is missing"),
    "number": (lambda card: {**card, "architecture": 3}, "its architecture is not a name"),
    "list": (lambda card: {**card, "config": [2]}, "its config is not an object"),
    "recipe": (lambda card: {**card, "recipe": "uqsm"}, "its recipe is not an object"),
    "degradation": (
        lambda card: {**card, "recipe": {"degradation": 1}},
        "its recipe.degradation is not an object",
    ),
    "tilt": (
        lambda card: {**card, "recipe": {"degradation": {"tilt": "no"}}},
        "its recipe.degradation.tilt is not a number",
    ),
}


def spoil_numbers(path: Path) -> None:
    net = DirectNet(base=2, levels=2)
    with torch.no_grad():
        net.unet.last.weight.fill_(torch.inf)
    save_weights(net, path)


BAD = [
    pytest.param(spoil_numbers, "weights that are no numbers", id="infinite"),
    *(pytest.param(spoil_card(how), says, id=name) for name, (how, says) in CARDS.items()),
    pytest.param(spoil_missing, "does not exist", id="missing"),
    pytest.param(spoil_bytes, "is damaged", id="damaged"),
    pytest.param(spoil_foreign, "holds no weights of qsmbids", id="foreign"),
    pytest.param(spoil_bfloat16, "damaged or no safetensors file", id="bfloat16"),
    pytest.param(spoil_newer, "architecture 'newer'", id="newer"),
    pytest.param(spoil_spread, "architecture 'spread'", id="of an uncertainty"),
]


@pytest.mark.parametrize(("spoil", "says"), BAD)
def test_bad_weights_are_refused_before_anything_is_done(
    command: list[str], weights: Path, tmp_path: Path, spoil, says, capsys
) -> None:
    spoil(weights)
    assert main([*command, "--method", "uqsm", "--weights", str(weights)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert str(weights) in line
    assert says in line
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(("spoil", "says"), BAD)
def test_the_small_command_refuses_them_too(
    weights: Path, tmp_path: Path, spoil, says, capsys
) -> None:
    spoil(weights)
    images = [str(tmp_path / "no.nii.gz"), str(tmp_path / "mask.nii.gz")]
    out = ["--out", str(tmp_path / "chi.nii.gz")]
    assert invert_main([*images, *out, "--method", "uqsm", "--weights", str(weights)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert str(weights) in line
    assert says in line


@pytest.mark.parametrize(
    "change",
    [
        {"config": {"base": 4, "levels": 2}},
        {"config": {"base": 2, "levels": 3}},
        {"config": {"base": "2", "levels": 2}},
        {"config": {"filters": 2}},
        {"config": {"norm": []}},
        {"architecture": "consistent"},
    ],
    ids=str,
)
def test_weights_that_do_not_fit_their_architecture_are_told_in_a_sentence(
    weights: Path, tmp_path: Path, change, capsys
) -> None:
    spoil_card(lambda card: {**card, **change})(weights)
    field, mask = head()
    paths = [tmp_path / "field.nii.gz", tmp_path / "mask.nii.gz"]
    for path, image in zip(paths, (field, mask.astype(np.uint8)), strict=True):
        nib.save(nib.Nifti1Image(image, np.eye(4)), path)
    run = [*map(str, paths), "--out", str(tmp_path / "chi.nii.gz"), "--method", "uqsm"]
    assert invert_main([*run, "--weights", str(weights)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{weights} does not fit its architecture" in line


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a graphics processor")
def test_a_device_that_is_not_there_is_a_usage_error(
    command: list[str], weights: Path, tmp_path: Path, capsys
) -> None:
    asked = ["--method", "uqsm", "--weights", str(weights), "--device", "cuda"]
    assert main([*command, *asked]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "There is no device 'cuda'" in line
    assert not (tmp_path / "work").exists()


def test_the_small_command_tells_weights_and_course(weights: Path, tmp_path: Path, capsys) -> None:
    field, mask = head()
    paths = [tmp_path / "field.nii.gz", tmp_path / "mask.nii.gz"]
    for path, image in zip(paths, (field, mask.astype(np.uint8)), strict=True):
        nib.save(nib.Nifti1Image(image, np.eye(4)), path)
    run = [*map(str, paths), "--out", str(tmp_path / "chi.nii.gz"), "--method", "qsminvnet"]
    run += ["--weights", str(weights), "--option", "iterations=2", "--device", "cpu"]
    assert invert_main(run) == 0
    told = json.loads((tmp_path / "chi.json").read_text())["Qsmbids"]
    assert told["Weights"]["SHA256"] == files.digest(weights)
    assert told["Parameters"]["weights"] == str(weights)
    assert told["Device"] == "cpu"
    assert len(read_curves(tmp_path / "chi_curve.tsv")["loss"]) == told["Fit"]["Iterations"] + 1
    nib.save(nib.Nifti1Image(head(0.06)[1].astype(np.uint8), np.eye(4)), paths[1])
    assert invert_main(run) == 1
    assert re.search(r"field.nii.gz: the mask spans only .* least 4 ", capsys.readouterr().err)


# what is done and what is to be done


@pytest.fixture
def series(tmp_path: Path) -> Series:
    field = tmp_path / "field.nii.gz"
    field.write_bytes(b"image")
    return Series("01", None, {"sub": "01"}, "local-field", field=field)


def test_other_weights_in_the_same_file_are_to_be_done(series: Series, tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "ds", methods=("uqsm",), weights={"uqsm": {"weights": "a"}})
    for path in plan.outputs(series, settings):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"map")
    records.write(series, settings)
    assert records.is_done(series, settings)
    assert records.is_done(series, replace(settings, device="cuda"))
    assert not records.is_done(series, replace(settings, weights={"uqsm": {"weights": "b"}}))


def test_an_uncertainty_belongs_to_the_outputs_unless_it_is_unwanted(
    series: Series, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path / "ds", methods=("uqsm+", "tkd"))
    (path,) = (p for p in plan.outputs(series, settings) if "Uncertainty" in p.name)
    assert path.name == "sub-01_desc-uqsmplusUncertainty_Chimap.nii.gz"
    settings = replace(settings, options={"uqsm+": {"uncertainty": False}})
    assert not any("Uncertainty" in path.name for path in plan.outputs(series, settings))


def test_fits_of_networks_take_the_most_memory() -> None:
    needs = [resources.stage_memory("Inversion", 160**3, 1, name) for name in ("tv", "uqsm", "dip")]
    assert needs == sorted(set(needs))
    assert resources.series_memory(160**3, 1, ["tv", "dip"]) == needs[-1]


def test_networks_that_work_in_tiles_fit_beside_large_volumes() -> None:
    large = 400 * 480 * 320
    volume = 4e-9 * large
    assert resources.stage_memory("Inversion", large, 3, "dcnet-tv") < 0.6 + 35 * volume
    assert resources.series_memory(large, 3, ["dcnet-tv"]) < 24


def test_the_methods_text_names_the_weights() -> None:
    used = {"Name": "toy", "SHA256": "0123456789abcdef"}
    parameters = {"weights": "/home/me/toy.safetensors", "consistency": 0.1}
    stage = {"Name": "Inversion", "Method": "uqsm", "Parameters": parameters, "Weights": used}
    text = methods_text([stage])
    assert ", with the weights toy of SHA-256 0123456789ab (consistency = 0.1) [2]." in text
    assert "/home/me" not in text


def test_the_planned_text_names_them_too(command: list[str], weights: Path, capsys) -> None:
    asked = ["--method", "uqsm", "--weights", str(weights), "--boilerplate-only"]
    assert main([*command, *asked]) == 0
    assert f"weights toy of SHA-256 {files.digest(weights)[:12]}" in capsys.readouterr().out


# the stage


def stage_on(tmp_path: Path, **inputs) -> InversionStage:
    """Return an inversion stage of the app on a small field."""
    field, mask = head()
    grid = {"voxel_size": [1, 1, 1], "b0_dir": [0, 0, 1]}
    paths = {"field": arrays.save(tmp_path, "field", field)}
    paths["mask"] = arrays.save(tmp_path, "mask", mask)
    return InversionStage(key="sub-01", method="uqsm", grid=grid, **paths, **inputs)


def test_weights_that_change_while_the_run_goes_are_refused(weights: Path, tmp_path: Path) -> None:
    stage = stage_on(tmp_path, options={"weights": str(weights)}, weights={"weights": "other"})
    with pytest.raises(InputError, match=r"sub-01: the weights file of uqsm has changed since"):
        stage.run(cwd=str(tmp_path))


def test_the_stage_writes_the_uncertainty_with_its_origin(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    spread = save_weights(UncertaintyNet(base=2, levels=2), tmp_path / "uncertainty.safetensors")
    monkeypatch.setattr("qsmbids.networks.weights_file.bundled", lambda *_: {"uncertainty": spread})
    stage = stage_on(tmp_path, options={"weights": str(weights), "uncertainty": True})
    found = stage.run(cwd=str(tmp_path)).outputs
    assert found.stage["UncertaintyWeights"]["SHA256"] == files.digest(spread)
    assert found.stage["Weights"]["SHA256"] == files.digest(weights)
    assert found.stage["Device"]
    sigma, mask = arrays.load(found.uncertainty), head()[1]
    assert (sigma[mask] > 0).all()
    assert not sigma[~mask].any()
    writer = WriteDerivatives(
        key="sub-01",
        series=Series("01", None, {"sub": "01"}, "local-field"),
        method="uqsm",
        output_dir=str(tmp_path / "out"),
        chi=found.chi,
        uncertainty=found.uncertainty,
        inversion=found.stage,
        reading={"Warnings": []},
        grid=upright_grid(
            {
                "file": "f",
                "shape": SHAPE,
                "affine": np.eye(4).tolist(),
                "voxel_size": [1, 1, 1],
                "b0_dir": [0, 0, 1],
            }
        ),
    )
    writer.run(cwd=str(tmp_path))
    path = tmp_path / "out/sub-01/anat/sub-01_desc-uqsmUncertainty_Chimap.json"
    told = json.loads(path.read_text())
    assert "68 %" in told["Description"]
    assert told["Units"] == "ppm"
    assert told["Qsmbids"]["UncertaintyWeights"]["SHA256"] == files.digest(spread)
    page = write_participant_page(tmp_path / "out", "01").read_text()
    assert "Uncertainty, uqsm<" in page
    assert "two of three voxels" in page


# whole runs


@pytest.mark.slow
def test_a_run_tells_its_weights_and_computes_anew_what_hangs_on_them(
    command: list[str], weights: Path, tmp_path: Path, capsys
) -> None:
    asked = ["--method", "uqsm", "qsminvnet", "tkd", "-v", "--option", "qsminvnet.iterations=2"]
    asked += ["--weights", f"uqsm={weights}", "qsminvnet=dcnet"]
    assert main([*command, *asked]) == 0
    anat = tmp_path / "out" / "sub-01" / "anat"
    told = json.loads((anat / "sub-01_desc-uqsm_Chimap.json").read_text())["Qsmbids"]
    assert told["Weights"] == {
        "Name": "toy",
        "SHA256": files.digest(weights),
        "Recipe": "toyrecipe",
        "Steps": 3,
        "Commit": "abc",
    }
    fit = json.loads((anat / "sub-01_desc-qsminvnet_Chimap.json").read_text())["Qsmbids"]["Fit"]
    curve = read_curves(tmp_path / "out/logs/sub-01/sub-01_desc-qsminvnet_curve.tsv")
    assert len(curve["loss"]) == fit["Iterations"] + 1
    page = (tmp_path / "out" / "sub-01.html").read_text()
    assert "Course of the fit, qsminvnet" in page
    kept = fit["KeptIteration"] > 0
    assert (anat / "sub-01_desc-qsminvnetBefore_Chimap.nii.gz").is_file() == kept
    assert ("qsminvnet before its fit" in page) == kept
    assert f"weights toy of SHA-256 {files.digest(weights)[:12]}" in page

    before = (anat / "sub-01_desc-uqsm_Chimap.nii.gz").read_bytes()
    capsys.readouterr()
    make_weights(weights, 1)
    assert main([*command, *asked]) == 0
    said = capsys.readouterr().out
    for unchanged in ("reading", "inversion (qsminvnet)", "inversion (tkd)"):
        assert f"sub-01: {unchanged}: unchanged" in said
    assert "sub-01: inversion (uqsm): unchanged" not in said
    assert (anat / "sub-01_desc-uqsm_Chimap.nii.gz").read_bytes() != before
    assert main([*command, *asked]) == 0
    assert "0 series of 0 participants to process, 1 unchanged" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("field", "mask", "says"),
    [
        (head()[0], head(0.06)[1], "local_fieldmap.nii.gz: the mask spans only"),
        (np.where(head()[1], np.nan, 0).astype(np.float32), head()[1], "NaN"),
        (np.zeros(SHAPE, np.float32), head()[1], "it holds no field"),
    ],
    ids=["small mask", "NaN", "zero"],
)
def test_bad_images_get_a_sentence_that_names_the_file(
    command: list[str], weights: Path, tmp_path: Path, field, mask, says, capsys
) -> None:
    add_fields(tmp_path / "q", field, mask)
    assert main([*command, "--method", "uqsm", "--weights", str(weights)]) == 1
    told = json.loads((tmp_path / "out/logs/sub-01/sub-01_error.json").read_text())["message"]
    assert says in told
    assert told.startswith("sub-01_desc-local_fieldmap.nii.gz")
    assert told in capsys.readouterr().err


def test_the_methods_text_of_a_run_tells_that_the_start_was_kept(tmp_path: Path) -> None:
    anat = tmp_path / "sub-01/anat"
    anat.mkdir(parents=True)
    nib.save(nib.Nifti1Image(head()[0], np.eye(4)), anat / "sub-01_desc-qsminvnet_Chimap.nii.gz")
    fit = {"Iterations": 6, "KeptIteration": 0}
    stage = {"Name": "Inversion", "Method": "qsminvnet", "Parameters": {"gain": 0.04}, "Fit": fit}
    write_meta(anat / "sub-01_desc-qsminvnet_Chimap.nii.gz", {"Qsmbids": {"Stages": [stage]}})
    assert "None of the 6 iterations" in methods_text(stages_of(tmp_path, "01"))
