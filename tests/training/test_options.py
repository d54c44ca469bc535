"""Options of recipes by name and value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qsmbids.errors import UsageError
from qsmbids.training.methods.recipes import RECIPES

UQSM = RECIPES["uqsm+"]


def test_text_and_values_give_the_same_recipe():
    text = UQSM.with_options(
        ["tv=0.1", "perturbation=cuboid", "patches=64:0.75, 96:0.25", "consistency=2,0.5",
         "augmentation=flip,turn", "config.base=8", "degradation.noise=0", "sources.count=3",
         "batch=4"]
    )  # fmt: skip
    values = UQSM.with_options(
        {"tv": 0.1, "perturbation": "cuboid", "patches": {64: 0.75, 96: 0.25},
         "consistency": (2, 0.5), "augmentation": ("flip", "turn"), "config": {"base": 8},
         "degradation": {"noise": 0}, "sources.count": 3, "batch": 4}
    )  # fmt: skip
    assert text == values
    assert text == replace(
        UQSM, tv=0.1, perturbation="cuboid", patches={64: 0.75, 96: 0.25}, consistency=(2.0, 0.5),
        augmentation=("flip", "turn"), config={**UQSM.config, "base": 8}, batch=4,
        degradation=replace(UQSM.degradation, noise=0.0), sources=replace(UQSM.sources, count=3),
    )  # fmt: skip
    assert isinstance(values.degradation.noise, float)


def test_none_and_truth_values():
    recipe = UQSM.with_options(["perturbation=none", "shapes.regions=false", "shapes.margin=10"])
    assert recipe.perturbation is None
    assert recipe.shapes.regions is False
    assert recipe.shapes.margin == 10
    assert recipe.with_options(["shapes.margin=none"]).shapes.margin is None
    assert recipe.with_options(["augmentation=none"]).augmentation == ()


def test_options_that_go_together_only_are_set_together():
    recipe = RECIPES["synthnet"].with_options(["worlds=fields:1", "objective=field"])
    assert recipe.worlds == {"fields": 1.0}
    recipe = RECIPES["qsminvnet+"].with_options(["target_worlds=fields:1"])
    assert recipe.all_worlds == ("heads", "fields")


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("tvv=0.1", "no option 'tvv'; choose from: .*tv"),
        ("name=mine", "no option 'name'"),
        ("tv", "not of the form name=value"),
        ("tv=much", "tv=much: a number is needed"),
        ("batch=1.5", "a whole number is needed"),
        ("shapes.regions=perhaps", "true or false is needed"),
        ("consistency=1", "2 numbers with commas"),
        ("patches=64", "whole number:a number with commas"),
        ("perturbation=cube", "must be one of: none, ellipsoid"),
        ("augmentation=shear", "no augmentation 'shear'; choose from: flip"),
        ("worlds=phantoms:1", "no world 'phantoms'"),
        ("worlds=heads:-1", "must not be negative"),
        ("patches=40:1", "multiples of 16"),
        ("batch=0", "batch must be positive"),
        ("tv=-1", "tv must not be negative"),
        ("degradation=none", "set one of its parts.*noise"),
        ("degradation.noize=1", "no option 'noize'; choose from: background"),
        ("tv.more=1", "it has no parts"),
        ("target_worlds=fields:1", "belongs to the objective 'domains'"),
        ("shapes.margin=40", "leaves nothing"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(option, sentence):
    with pytest.raises(UsageError, match=sentence):
        UQSM.with_options([option])


def test_fields_have_no_labels():
    with pytest.raises(UsageError, match="have no labels"):
        RECIPES["dcnet"].with_options(["worlds=fields:1"])
    with pytest.raises(UsageError, match="input_noise belongs to"):
        RECIPES["dcnet"].with_options(["input_noise=0.1"])
