"""``qsmbids BIDS OUT train``: what it understands, refuses, and leaves behind."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import phantom
import pytest
from bids_tree import write_derivatives

from qsmbids.bids.derived import with_reference
from qsmbids.bids.find import find_series
from qsmbids.cli.main import main
from qsmbids.cli.train_parser import parse_training
from qsmbids.errors import InputError, UsageError
from qsmbids.networks.weights_file import bundled
from qsmbids.workflows import training_job
from qsmbids.workflows.training_folder import read_log, training_state
from qsmbids.workflows.training_job import choose_held_out, resolve_recipe
from qsmbids.workflows.training_verdict import why_useless

TINY = ["patches=32:1", "config.base=2", "config.levels=3", "batch=1"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return phantom.write_dataset(tmp_path_factory.mktemp("data") / "bids", ("01", "02", "03"))


def job(tmp_path, *arguments, bids=None):
    where = str(bids or tmp_path)
    work = ["-w", str(tmp_path.parent / "work")]
    return parse_training([where, str(tmp_path / "out"), "train", *arguments, *work])


def refused(capsys, code, *arguments):
    assert main([str(one) for one in arguments]) == code
    text = capsys.readouterr().err.strip()
    assert "Traceback" not in text
    assert len(text.splitlines()) == 1
    return text


def test_recipe_defaults_to_the_method(tmp_path):
    assert job(tmp_path, "--method", "uqsm+").recipe == "uqsm+"
    other = job(tmp_path, "--method", "dcnet", "--recipe", "synthnet")
    assert (other.recipe, other.folder.name) == ("synthnet", "synthnet")


def test_a_dataset_is_learned_from_where_no_labels_are_needed(tmp_path):
    for name, fields in (("uqsm", True), ("qsminvnet+", True), ("dcnet", False)):
        recipe = resolve_recipe(job(tmp_path, "--recipe", name))
        assert training_job.learns_from_subjects(recipe) is fields
    alone = resolve_recipe(job(tmp_path, "--recipe", "uqsm", bids="-"))
    assert not training_job.learns_from_subjects(alone)


def test_sources_replace_the_recipes_and_set_has_the_last_word(tmp_path):
    plain = job(tmp_path, "--recipe", "dcnet", "--source", "maps", f"heads={tmp_path}")
    assert dict(resolve_recipe(plain).sources) == {"maps": 1.0, "heads": 1.0}
    changed = replace(plain, changes=("sources=shapes:1", "clip=0.5"))
    assert dict(resolve_recipe(changed).sources) == {"shapes": 1.0}
    assert resolve_recipe(changed).clip == 0.5


def test_fields_stay_apart_from_the_maps_of_the_participant_level(tmp_path):
    settings = job(tmp_path, "--recipe", "uqsm").fields
    assert settings.methods == ()
    assert settings.start == "nearest"
    assert settings.output_dir == tmp_path / "out" / "training" / "fields"
    assert settings.subjects_dir == tmp_path / "out" / "training" / "subjects"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "--method"),
        (["--recipe", "nonet"], "nonet"),
        (["--recipe", "uqsm", "--set", "colour=red"], "colour"),
        (["--recipe", "uqsm", "--source", "fields=/"], "--source"),
        (["--recipe", "uqsm", "--steps", "2", "--minutes", "1"], "--minutes"),
        (["--method", "tkd", "--recipe", "uqsm"], "tkd"),
        (["--recipe", "uqsm", "--held-out", "09"], "09"),
        (["--recipe", "uqsm", "--held-out", "01", "02", "03"], "learn from"),
        (["--recipe", "uqsm", "--participant-label", "01"], "two participants"),
    ],
)
def test_a_command_that_cannot_be_carried_out_is_one_sentence(
    arguments, word, dataset, tmp_path, capsys
):
    out = tmp_path / "out"
    text = refused(capsys, 2, dataset, out, "train", *arguments, "-w", tmp_path / "work")
    assert word in text
    assert not list(out.glob("training/fields/*"))


def test_maps_to_learn_from_must_be_there(dataset, tmp_path, capsys):
    arguments = ["--recipe", "uqsm", "--source", "maps", "-w", tmp_path / "work"]
    text = refused(capsys, 1, dataset, tmp_path / "out", "train", *arguments)
    assert "No susceptibility map" in text
    assert not list(tmp_path.glob("out/training/fields/*"))


def test_measured_sources_need_a_dataset(tmp_path, capsys):
    arguments = ["--recipe", "uqsm", "--source", "fields"]
    assert "dataset" in refused(capsys, 2, "-", tmp_path / "out", "train", *arguments)


def test_a_gpu_that_is_not_there_is_refused_before_anything_is_computed(dataset, tmp_path, capsys):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is one")
    out, device = tmp_path / "out", ["--device", "cuda", "-w", tmp_path / "work"]
    assert "cuda" in refused(capsys, 2, dataset, out, "train", "--recipe", "uqsm", *device)


def test_weights_of_another_architecture_are_refused(dataset, tmp_path, capsys):
    arguments = ["--recipe", "uqsm", "--start", "dcnet", "-w", tmp_path / "work"]
    text = refused(capsys, 1, dataset, tmp_path / "out", "train", *arguments)
    assert "does not fit" in text


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_to_is_named(dataset, tmp_path, capsys):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    arguments = ["--recipe", "uqsm", "-w", tmp_path / "work"]
    assert str(closed) in refused(capsys, 1, dataset, closed, "train", *arguments)


def test_a_file_where_the_output_folder_should_be_is_named(dataset, tmp_path, capsys):
    (tmp_path / "out").write_text("")
    arguments = ["--recipe", "uqsm", "-w", tmp_path / "work"]
    text = refused(capsys, 1, dataset, tmp_path / "out", "train", *arguments)
    assert "cannot be written" in text


def test_held_out_are_the_last_share_of_the_participants_at_least_one(tmp_path):
    asked = job(tmp_path, "--recipe", "uqsm", "--held-out-share", "0.4")
    labels = ("01", "02", "03", "04", "05")
    assert choose_held_out(asked, labels, learnt=True) == ["04", "05"]
    assert choose_held_out(replace(asked, held_out_share=0.01), labels, learnt=True) == ["05"]
    assert choose_held_out(asked, ("01",), learnt=False) == ["01"]
    with pytest.raises(UsageError, match="two participants"):
        choose_held_out(asked, ("01",), learnt=True)


def test_the_log_forgets_steps_that_were_done_again(tmp_path):
    steps = [10, 20, 30, 25, 35, 35]
    lines = [json.dumps({"step": step, "loss": n}) for n, step in enumerate(steps)]
    (tmp_path / "log.jsonl").write_text("\n".join([*lines[:3], '{"step": 3', *lines[3:]]))
    assert [line["step"] for line in read_log(tmp_path)] == [10, 20, 25, 35, 35]


def test_reference_maps_are_found_and_estimates_are_not(dataset, tmp_path):
    root = tmp_path / "derivatives"
    chi = np.zeros(phantom.SHAPE, np.float32)
    anat = root / "sub-01" / "anat"
    phantom.write(anat / "sub-01_desc-tv_Chimap.nii.gz", chi)
    settings = job(tmp_path, "--recipe", "uqsm", bids=dataset).fields
    series = find_series(settings).series[0]
    assert with_reference(series, {"other": root}) == (series, "")
    phantom.write(anat / "sub-01_desc-cosmos_Chimap.nii.gz", chi)
    assert with_reference(series, {"other": root})[0].reference.name.startswith("sub-01_desc-cosm")
    phantom.write(anat / "sub-01_desc-cosmos_Chimap.nii.gz", chi[:-1])
    known, note = with_reference(series, {"other": root})
    assert known.reference is None
    assert "other:sub-01_desc-cosmos_Chimap.nii.gz" in note


def test_fields_of_derivatives_come_before_raw_data(dataset, tmp_path):
    root = tmp_path / "made"
    write_field(root, "02")
    fields = ["-d", str(root), "--recipe", "uqsm"]
    settings = job(tmp_path, *fields, bids=dataset).fields
    starts = {one.key: one.start for one in find_series(settings).series}
    assert starts == {"sub-01": "raw", "sub-02": "local-field", "sub-03": "raw"}


def write_field(root: Path, label: str) -> None:
    """Write a local field with its mask as a derivative, and what made it as a reference."""
    from qsmbids.physics import forward_field

    write_derivatives(root)
    rng = np.random.default_rng(int(label))
    chi = np.zeros(phantom.SHAPE)
    chi[4:-4, 4:-4, 4:-4] = rng.normal(0, 0.05, (32, 34, 30))
    mask = np.zeros(phantom.SHAPE, np.uint8)
    mask[4:-4, 4:-4, 4:-4] = 1
    field = forward_field(chi, phantom.VOXEL).astype(np.float32)
    folder = root / f"sub-{label}"
    stem = f"sub-{label}_desc-local_fieldmap"
    phantom.write(folder / "fmap" / f"{stem}.nii.gz", field)
    (folder / "fmap" / f"{stem}.json").write_text(json.dumps({"Units": "ppm"}))
    phantom.write(folder / "anat" / f"sub-{label}_desc-brain_mask.nii.gz", mask)
    phantom.write(folder / "anat" / f"sub-{label}_Chimap.nii.gz", chi.astype(np.float32))


@pytest.mark.slow
def test_from_fields_to_weights_and_a_page(dataset, tmp_path, capsys):
    root, out = tmp_path / "made", tmp_path / "out"
    for label in ("01", "02", "03"):
        write_field(root, label)
    (root / "sub-02" / "fmap" / "sub-02_desc-local_fieldmap.nii.gz").write_bytes(b"broken")
    command = [
        *(str(dataset), str(out), "train", "--method", "uqsm", "-d", str(root), "--steps"),
        *("2", "--set", *TINY, "-w", str(tmp_path / "work"), "--nprocs", "1", "--device", "cpu"),
        "--skip-bids-validation",
    ]
    assert main(command) == 1  # one participant failed, and the others went on
    said = capsys.readouterr()
    folder = out / "training" / "uqsm"
    weights = folder / "weights.safetensors"
    assert "These weights are not to be used" in said.out  # of two steps
    assert "sub-02" in said.err
    card = json.loads((folder / "weights.json").read_text())
    assert card["steps"] == 2
    assert card["data"]["held_out"] == ["sub-03"]
    assert sorted(card["data"]["subjects"]) == ["sub-01", "sub-03"]
    rows = [line.split("\t") for line in (folder / "comparison.tsv").read_text().splitlines()]
    assert {"participant_id", "field_residual", "nrmse"} <= set(rows[0])
    assert [row[2] for row in rows[1:]] == ["trained", "uqsm (shipped)", "tv", "tkd"]
    page = (folder / "report.html").read_text()
    assert page.count("<img") == 3
    assert {"curves.png", "curves.svg"} <= {path.name for path in folder.iterdir()}
    assert not list(out.glob("sub-*"))

    before = weights.stat().st_mtime_ns
    main(command)
    assert "nothing to do" in capsys.readouterr().out
    assert weights.stat().st_mtime_ns == before
    longer = [word if word != "2" else "3" for word in command]
    assert "--resume" in refused(capsys, 2, *longer)
    main([*longer, "--resume"])
    assert "going on from step 2" in capsys.readouterr().out
    assert json.loads((folder / "weights.json").read_text())["steps"] == 3


@pytest.mark.parametrize("card", [None, "{", "[]", '{"steps": "many"}'])
def test_a_training_without_a_readable_card_is_told_in_a_sentence(tmp_path, card):
    (tmp_path / "checkpoint.pt").touch()
    if card is not None:
        (tmp_path / "weights.json").write_text(card)
    with pytest.raises(InputError, match=r"weights.json is missing or no model card; put it back"):
        training_state(tmp_path)


TABLE = "participant_id\tseries\tmethod\tnrmse\n"


@pytest.mark.parametrize(
    ("scores", "trained", "why"),
    [
        ({"held-out NRMSE in %": {"heads": 98.2}}, 30, "their held-out NRMSE is 98 %"),
        ({"held-out field residual in %": {"fields": 80}}, 30, "field residual is 80 %"),
        ({"held-out NRMSE in %": {"heads": 50}}, 61, "NRMSE is 61 %; that of tkd"),
        ({"held-out NRMSE in %": {"heads": 50}}, 30, ""),
        ({"held-out Dice coefficient in %": {"label-maps": 98}}, 30, ""),
    ],
)
def test_what_has_learnt_nothing_is_not_recommended(tmp_path, scores, trained, why):
    table = tmp_path / "comparison.tsv"
    rows = [("trained", trained), ("tkd", 45)]
    table.write_text(TABLE + "".join(f"sub-1\tsub-1\t{name}\t{value}\n" for name, value in rows))
    found = why_useless({"scores": scores}, table)
    assert why in found
    assert bool(why) == bool(found)


def test_the_shipped_weights_pass_as_usable(tmp_path):
    for path in bundled().values():
        card = json.loads(Path(path).with_suffix(".json").read_text())
        assert why_useless(card, tmp_path / "none.tsv") == ""
