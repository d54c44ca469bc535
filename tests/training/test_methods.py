"""The methods of training: found by name, added by one file and one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from training_tiny import tiny

from qsmbids.errors import UsageError
from qsmbids.networks.weights import load_weights
from qsmbids.networks.weights_file import bundled
from qsmbids.training.methods import RECIPES, find_recipe
from qsmbids.training.run import train

GUIDE = Path(__file__).parents[2] / "docs" / "training.md"


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_found_by_its_own_name_and_told_in_the_guide(name):
    assert find_recipe(name).name == name
    assert f"`{name}`" in GUIDE.read_text()


def test_unknown_recipe_names_the_known():
    with pytest.raises(UsageError, match="dcnet"):
        find_recipe("nonet")


def test_all_shipped_weights_have_a_recipe():
    assert set(bundled()) <= set(RECIPES)


@pytest.mark.usefixtures("one_thread")
def test_the_method_of_the_guide_is_one_file_and_one_line(tmp_path, monkeypatch):
    section = GUIDE.read_text().split("## A method of your own")[1]
    file, line = re.findall("```python\n(.*?)```", section, re.DOTALL)[:2]
    name, where = re.fullmatch(r'\s*"(.+)": "(.+)",\s*', line).groups()
    module, _, recipe = where.rpartition(":")
    assert module == f"qsmbids.training.methods.{name}"
    (tmp_path / f"{name}.py").write_text(file)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(RECIPES, name, f"{name}:{recipe}")
    weights = train(tiny(name, delta=0.1), tmp_path, steps=2, workers=0, log=lambda text: None)
    card = load_weights(weights)[1]
    assert (card["name"], card["overrides"]["delta"]) == (name, 0.1)
    assert card["scores"]["held-out NRMSE in %"]["shapes"] > 0
