"""Options of recipes by name and value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qsmbids.errors import UsageError
from qsmbids.training.methods import find_recipe

UQSM = find_recipe("uqsm+")


def test_text_and_values_give_the_same_recipe():
    given = "tv=0.1 perturbation=cuboid consistency=2,0.5 augmentation=flip,turn config.base=8"
    given += " corruption.noise=0 added_sources.count=3 batch=4"
    text = UQSM.with_options([*given.split(), "patches=64:0.75, 96:0.25"])
    values = UQSM.with_options(
        {
            "tv": 0.1,
            "perturbation": "cuboid",
            "patches": {64: 0.75, 96: 0.25},
            "consistency": (2, 0.5),
            "augmentation": ("flip", "turn"),
            "config": {"base": 8},
            "corruption": {"noise": 0},
            "added_sources.count": 3,
            "batch": 4,
        }
    )
    assert text == values
    assert text == replace(
        UQSM,
        tv=0.1,
        perturbation="cuboid",
        patches={64: 0.75, 96: 0.25},
        consistency=(2.0, 0.5),
        augmentation=("flip", "turn"),
        config={**UQSM.config, "base": 8},
        corruption=replace(UQSM.corruption, noise=0.0),
        added_sources=replace(UQSM.added_sources, count=3),
        batch=4,
    )
    assert isinstance(values.corruption.noise, float)


def test_options_keep_the_names_that_old_model_cards_have():
    old = UQSM.with_options(["degradation.noise=0", "worlds=shapes:1"])
    assert old == UQSM.with_options(["corruption.noise=0", "sources=shapes:1"])
    target = find_recipe("qsminvnet+").with_options(["target_worlds=fields:1"])
    assert target.target_sources == {"fields": 1.0}


def test_none_and_truth_values():
    recipe = UQSM.with_options(["shapes.regions=false", "shapes.margin=10"])
    assert recipe.shapes.regions is False
    assert recipe.shapes.margin == 10
    assert recipe.with_options(["shapes.margin=none"]).shapes.margin is None
    assert recipe.with_options(["augmentation=none"]).augmentation == ()


def test_options_that_go_together_only_are_set_together():
    with pytest.raises(UsageError, match="a rim of 8 leaves nothing"):
        UQSM.with_options(["sources=fields:1", "patches=16:1"])
    recipe = UQSM.with_options(["sources=fields:1", "patches=16:1", "rim=2"])
    assert recipe.all_sources == ("fields",)
    recipe = find_recipe("qsminvnet+").with_options(["target_sources=fields:1"])
    assert recipe.all_sources == ("heads", "fields")


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
        ("perturbation=cube", "no perturbation 'cube'; choose from: ellipsoid"),
        ("perturbation=none", "no perturbation"),
        ("tv=nan", "a number is needed"),
        ("schedule=linear", "no schedule 'linear'; choose from: cosine"),
        ("augmentation=shear", "no augmentation 'shear'; choose from: flip"),
        ("sources=phantoms:1", "no source 'phantoms'; choose from: shapes"),
        ("sources=heads:-1", "must not be negative"),
        ("patches=40:1", "multiples of 16"),
        ("batch=0", "batch must be positive"),
        ("tv=-1", "tv must not be negative"),
        ("corruption=none", "set one of its parts.*noise"),
        ("corruption.noize=1", "no option 'noize'; choose from: background"),
        ("tv.more=1", "it has no parts"),
        ("target_sources=fields:1", "no option 'target_sources'"),
        ("shapes.margin=40", "leaves nothing"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(option, sentence):
    with pytest.raises(UsageError, match=sentence):
        UQSM.with_options([option])


def test_fields_have_no_labels():
    with pytest.raises(UsageError, match="have no labels"):
        find_recipe("dcnet").with_options(["sources=fields:1"])
    with pytest.raises(UsageError, match="no option 'input_noise'"):
        find_recipe("dcnet").with_options(["input_noise=0.1"])
