"""The scripts of the papers' tables: what their pages hold, and what a second run keeps."""

from __future__ import annotations

import importlib
import json
import math
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def from_clone(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def load(name):
    return importlib.import_module(f"benchmarks.papers.{name}")


def make(name, folder, *options):
    page = folder / "page.md"
    load(name).main(["--quick", "--page", str(page), "--scratch", str(folder / "s"), *options])
    return page.read_text()


def rows_of(text):
    """Return the cells of the tables by their first cell, the last table's first."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line[:2] == "| "]
    return {cells[0]: cells for cells in reversed(lines)}


def shipped_digest(name):
    from qsmbids.networks.weights_file import digest, locate

    return digest(locate(name))[:12]


def scores(*values):
    return {f"{n}/0": {"truth": {"nrmse": value}} for n, value in enumerate(values)}


def test_text_between_the_marks_is_kept_and_the_rest_is_new(tmp_path):
    page = load("page")
    path = tmp_path / "page.md"
    page.write_page(path, "Title", ["- one"], ["| old |"], ["cosmos", "--quick"])
    assert page.UNWRITTEN in path.read_text()
    path.write_text(path.read_text().replace(page.UNWRITTEN, "It agrees.\n\nMostly."))
    page.write_page(path, "Title", ["- two"], ["| new |"], ["cosmos"])
    text = path.read_text()
    assert "It agrees.\n\nMostly." in text
    assert "| new |" in text
    assert "- two" in text
    assert page.UNWRITTEN not in text
    assert "old" not in text
    assert "`python -m benchmarks.papers.cosmos`" in text


def test_ledger_computes_once_and_again_for_other_settings_or_weights(tmp_path):
    ledger, calls = load("ledger"), []

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
    ledger, scoring = load("ledger"), load("scoring")
    kept = ledger.Ledger(tmp_path / "l.json", {}, {})
    record = kept.get("0/0", "bad", lambda: math.sqrt(-1))
    good = kept.get("0/0", "good", lambda: {"truth": {"nrmse": 12.34, "hfen": math.nan}})
    found = {"bad": {"0/0": record}, "good": {"0/0": good}}
    lines = scoring.score_table(found, "truth", ["nrmse", "hfen"])
    rows = rows_of("\n".join(lines))
    assert rows["bad"][1:] == ["0", "failed", "failed"]
    assert rows["good"][1:] == ["1", "12.3", "undefined"]
    assert any(line.startswith("- bad failed on 0/0: ValueError") for line in lines)


def test_a_page_names_every_day_and_commit_that_its_figures_are_of(tmp_path):
    ledger = load("ledger")
    path = tmp_path / "l.json"
    ledger.Ledger(path, {}, {}).get("a", "tv", lambda: {"truth": {}})
    content = json.loads(path.read_text())
    content["records"]["a tv"]["made"] = "1999-01-01"
    path.write_text(json.dumps(content))
    kept = ledger.Ledger(path, {}, {})
    kept.get("a", "tv", dict)
    kept.get("b", "tv", lambda: {"truth": {}})
    first, second = kept.facts()
    assert first == "- 1999-01-01"
    assert "commit" in second


def test_pairs_are_tested_over_anatomies_not_orientations():
    scoring = load("scoring")
    low = {f"{a}/{o}": {"truth": {"nrmse": 10.0 + a}} for a in range(3) for o in range(5)}
    high = {f"{a}/0": {"truth": {"nrmse": 12.0 + 2 * a}} for a in range(3)}
    (line,) = scoring.pair_table(
        {"low": low, "high": high}, "truth", [("low", "high")], ["nrmse"]
    )[2:]  # fmt: skip
    cells = line.strip("| ").split(" | ")
    assert cells[2] == "3"
    assert cells[3] == "-3.0 ± 1.0"


def test_p_is_corrected_for_the_pairs_of_the_table():
    scoring = load("scoring")
    records = {"a": scores(1, 2, 3, 4), "b": scores(2.0, 3.1, 4.2, 5.1), "c": scores(2, 2.9, 3, 5)}
    alone = scoring.pair_table(records, "truth", [("a", "c")], ["nrmse"])[2]
    beside = scoring.pair_table(records, "truth", [("a", "c"), ("a", "c")], ["nrmse"])[2]
    p_alone, p_beside = (float(line.split(" | ")[4]) for line in (alone, beside))
    assert p_beside == pytest.approx(2 * p_alone, abs=2e-3)


@pytest.mark.slow
def test_cosmos_page(tmp_path, monkeypatch):
    module = load("cosmos")
    options = ("--anatomies", "2", "--kinds", "noisy")
    text = make("cosmos", tmp_path, *options)
    rows = rows_of(text)
    assert {"cosmos", *module.FAST, *module.SLOW} <= set(rows)
    assert "failed" not in text
    assert "67.2 ± 3.9" in rows["uqsm+"]
    assert rows["tkd"][1] == "10"
    assert rows["qsminvnet"][1] == "4"
    assert "uqsm+, tkd" in rows
    for name in ("uqsm", "qsminvnet+", "dcnet"):
        assert f"`{shipped_digest(name)}`" in text
    # the second run computes nothing, so that methods that cannot run do not matter
    again = tmp_path / "page.md"
    again.write_text(text.replace(load("page").UNWRITTEN, "It agrees."))
    monkeypatch.setattr(module, "scene", None)
    assert make("cosmos", tmp_path, *options) == again.read_text()


def test_cosmos_of_five_orientations_is_nearer_to_the_truth_than_any_of_them():
    from qsmbids.evaluation import evaluate

    module = load("cosmos")
    series = module.orientations(6.0, 0, "noisy")
    assert len({head.b0_dir for head, _ in series}) == 5
    head, case = series[0]
    single = module.inverted(case, head, "tv")
    errors = [
        evaluate(chi, case["chi"], case["mask"])["nrmse"]
        for chi in (module.combined(series), single)
    ]
    assert errors[0] < 0.75 * errors[1]


@pytest.mark.slow
def test_challenge_page(tmp_path):
    module = load("challenge")
    text = make("challenge", tmp_path, "--anatomies", "1", "--rows", "tv", "zs-uqsm+", "qsminvnet",
                "qsminvnet, pre-trained alone")  # fmt: skip
    rows = rows_of(text)
    assert {"tv", "zs-uqsm+", "qsminvnet", "echo 1", "echo 4", module.NOISE_MAP} <= set(rows)
    assert "failed" not in text
    assert rows["zs-uqsm+"][2:4] != ["", ""]
    assert "40.3" in rows["zs-uqsm+"]
    assert f"`{shipped_digest('qsminvnet')}`" in text


def test_challenge_fields_are_noisier_where_the_snr_is_lower():
    import numpy as np

    module = load("challenge")
    head = module.upright(6.0, 0)
    errors = {}
    for snr in (100.0, 1000.0):
        case, echoes = module.acquired(head, 1.0, snr, 0)
        true = module.forward_field(case["chi"], head.voxel_size, head.b0_dir)
        errors[snr] = np.median(np.abs(case["field"] - true)[case["mask"]])
        assert len(echoes) == 4
        assert max(echo.max() for echo in echoes) == pytest.approx(1)
    assert errors[100.0] == pytest.approx(10 * errors[1000.0], rel=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["augmentation", "training_data", "domains"])
def test_pages_of_trainings(tmp_path, name):
    module = load(name)
    text = make(name, tmp_path)
    rows = rows_of(text)
    assert set(module.VARIANTS) <= set(rows)
    assert "failed" not in text
    weights = sorted((tmp_path / "s").rglob("weights.safetensors"))
    assert len(weights) == len(module.VARIANTS)
    from qsmbids.networks.weights_file import digest

    for path in weights:
        assert f"`{digest(path)[:12]}`" in text
    before = {path: path.stat().st_mtime_ns for path in weights}
    assert make(name, tmp_path) == text
    assert before == {path: path.stat().st_mtime_ns for path in weights}
