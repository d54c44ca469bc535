"""The scripts of the papers' tables: what their pages hold, and what a second run keeps."""

from __future__ import annotations

import json
import math
from argparse import Namespace

import numpy as np
import pytest

from benchmarks import heads
from benchmarks.papers import challenge, cosmos, ledger, tables, trainings
from benchmarks.papers.variants import TABLES
from qsmbids.evaluation import evaluate
from qsmbids.networks.weights_file import digest, locate


def make(module, folder, *options):
    page = folder / "page.md"
    module.main([*options, "--quick", "--page", str(page), "--scratch", str(folder / "s")])
    return page.read_text()


def asked(page, *options):
    return Namespace(page=page, command=["cosmos", *options])


def rows_of(text):
    """Return the cells of the tables by their first cell, the last table's first."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line[:2] == "| "]
    return {cells[0]: cells for cells in reversed(lines)}


def shipped_digest(name):
    return digest(locate(name))[:12]


def scores(*values):
    return {f"{n}/0": {"truth": {"nrmse": value}} for n, value in enumerate(values)}


def test_text_between_the_marks_is_kept_and_the_rest_is_new(tmp_path):
    kept, path = ledger.Ledger(tmp_path / "l.json", {}, {}), tmp_path / "page.md"
    kept.write_page(asked(path, "--quick"), "Title", ["- one"], ["| old |"])
    assert ledger.UNWRITTEN in path.read_text()
    path.write_text(path.read_text().replace(ledger.UNWRITTEN, "It agrees.\n\nMostly."))
    kept.write_page(asked(path), "Title", ["- two"], ["| new |"])
    text = path.read_text()
    assert "It agrees.\n\nMostly." in text
    assert "| new |" in text
    assert "- two" in text
    assert ledger.UNWRITTEN not in text
    assert "old" not in text
    assert "`python -m benchmarks.papers.cosmos`" in text


def test_ledger_computes_once_and_again_for_other_settings_or_weights(tmp_path):
    calls = []

    def ask(settings, weights):
        kept = ledger.Ledger(tmp_path / "l.json", settings, {"net": weights})
        return kept.get("case", "net", lambda: calls.append(1) or {"truth": {}})

    ask({"size": 2}, "uqsm")
    ask({"size": 2}, "uqsm")
    assert len(calls) == 1
    ask({"size": 2}, "uqsm+")
    assert len(calls) == 2
    ask({"size": 3}, "uqsm+")
    assert len(calls) == 3


def test_a_method_that_fails_has_a_row_that_says_so(tmp_path):
    kept = ledger.Ledger(tmp_path / "l.json", {}, {})
    record = kept.get("0/0", "bad", lambda: math.sqrt(-1))
    good = kept.get("0/0", "good", lambda: {"truth": {"nrmse": 12.34, "hfen": math.nan}})
    found = {"bad": {"0/0": record}, "good": {"0/0": good}}
    lines = tables.score_table(found, "truth", ["nrmse", "hfen"])
    rows = rows_of("\n".join(lines))
    assert rows["bad"][1:] == ["0", "failed", "failed"]
    assert rows["good"][1:] == ["1", "12.3", "undefined"]
    assert any(line.startswith("- bad failed on 0/0: ValueError") for line in lines)


def test_a_page_names_every_day_and_commit_that_its_figures_are_of(tmp_path):
    path = tmp_path / "l.json"
    ledger.Ledger(path, {}, {}).get("a", "tv", lambda: {"truth": {}})
    content = json.loads(path.read_text())
    content["records"]["a tv"]["made"] = "1999-01-01"
    path.write_text(json.dumps(content))
    kept = ledger.Ledger(path, {}, {})
    kept.get("a", "tv", dict)
    kept.get("b", "tv", lambda: {"truth": {}})
    kept.write_page(asked(tmp_path / "page.md"), "Title", [], [])
    first, second = [x for x in (tmp_path / "page.md").read_text().splitlines() if x[:2] == "- "]
    assert first == "- 1999-01-01"
    assert "commit" in second


def test_pairs_are_tested_over_anatomies_not_orientations():
    low = {f"{a}/{o}": {"truth": {"nrmse": 10.0 + a}} for a in range(3) for o in range(5)}
    high = {f"{a}/0": {"truth": {"nrmse": 12.0 + 2 * a}} for a in range(3)}
    scores = {"low": low, "high": high}
    _, _, line = tables.pair_table(scores, "truth", [("low", "high")], ["nrmse"])
    cells = line.strip("| ").split(" | ")
    assert cells[2] == "3"
    assert cells[3] == "-3.0 ± 1.0"


def test_p_is_corrected_for_the_pairs_of_the_table():
    records = {"a": scores(1, 2, 3, 4), "b": scores(2.0, 3.1, 4.2, 5.1), "c": scores(2, 2.9, 3, 5)}
    alone = tables.pair_table(records, "truth", [("a", "c")], ["nrmse"])[2]
    beside = tables.pair_table(records, "truth", [("a", "c"), ("a", "c")], ["nrmse"])[2]
    p_alone, p_beside = (float(line.split(" | ")[4]) for line in (alone, beside))
    assert p_beside == pytest.approx(2 * p_alone, abs=2e-3)


@pytest.mark.slow
def test_cosmos_page(tmp_path, monkeypatch):
    options = ("--anatomies", "2", "--kinds", "noisy")
    text = make(cosmos, tmp_path, *options)
    rows = rows_of(text)
    assert {"cosmos", *cosmos.FAST, *cosmos.SLOW} <= set(rows)
    assert "failed" not in text
    assert "67.2 ± 3.9" in rows["uqsm+"]
    assert rows["tkd"][1] == "10"
    assert rows["qsminvnet"][1] == "4"
    assert "uqsm+, tkd" in rows
    for name in ("uqsm", "qsminvnet+", "dcnet"):
        assert f"`{shipped_digest(name)}`" in text
    # the second run computes nothing, so that methods that cannot run do not matter
    again = tmp_path / "page.md"
    again.write_text(text.replace(ledger.UNWRITTEN, "It agrees."))
    monkeypatch.setattr(cosmos, "scene", None)
    assert make(cosmos, tmp_path, *options) == again.read_text()


@pytest.mark.slow
def test_cosmos_of_five_orientations_is_nearer_to_the_truth_than_any_of_them():
    series = cosmos.orientations(6.0, 0, "noisy")
    assert len({case["b0_dir"] for case in series}) == 5
    case = series[0]
    single = heads.inverted(case, "tv").chi
    errors = [
        evaluate(chi, case["chi"], case["mask"])["nrmse"]
        for chi in (cosmos.combined(series), single)
    ]
    assert errors[0] < 0.75 * errors[1]


@pytest.mark.slow
def test_challenge_page(tmp_path):
    rows = ("tv", "zs-uqsm+", "qsminvnet", "qsminvnet, pre-trained alone")
    text = make(challenge, tmp_path, "--anatomies", "1", "--rows", *rows)
    rows = rows_of(text)
    assert {"tv", "zs-uqsm+", "qsminvnet", "echo 1", "echo 4", challenge.NOISE_MAP} <= set(rows)
    assert "failed" not in text
    assert rows["zs-uqsm+"][2:4] != ["", ""]
    assert "40.3" in rows["zs-uqsm+"]
    assert f"`{shipped_digest('qsminvnet')}`" in text


@pytest.mark.slow
def test_challenge_fields_are_noisier_where_the_snr_is_lower():
    head = challenge.upright(6.0, 0)
    errors = {}
    for snr in (100.0, 1000.0):
        case, echoes = challenge.acquired(head, 1.0, snr, 0)
        true = challenge.forward_field(case["chi"], head.voxel_size, head.b0_dir)
        errors[snr] = np.median(np.abs(case["field"] - true)[case["mask"]])
        assert len(echoes) == 4
        assert max(echo.max() for echo in echoes) == pytest.approx(1)
    assert errors[100.0] == pytest.approx(10 * errors[1000.0], rel=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_pages_of_trainings(tmp_path, name):
    text = make(trainings, tmp_path, name)
    rows = rows_of(text)
    assert set(TABLES[name].variants) <= set(rows)
    assert "failed" not in text
    weights = sorted((tmp_path / "s").rglob("weights.safetensors"))
    assert len(weights) == len(TABLES[name].variants)
    for path in weights:
        assert f"`{digest(path)[:12]}`" in text
    before = {path: path.stat().st_mtime_ns for path in weights}
    assert make(trainings, tmp_path, name) == text
    assert before == {path: path.stat().st_mtime_ns for path in weights}
