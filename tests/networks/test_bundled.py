"""The weights that the package ships: whole, described, and better than a division."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
from volumes import invert

from qsmbids.inversion.network import network
from qsmbids.networks.weights_file import bundled
from qsmbids.physics import Problem
from qsmbids.simulation import HeadRecipe, simulate_head

WEIGHTS = bundled("inversion")


def test_there_are_weights():
    assert "dcnet" in WEIGHTS


@pytest.mark.parametrize("name", WEIGHTS)
def test_card_tells_the_file(name):
    path = Path(WEIGHTS[name])
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["file"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert card["file"]["name"] == path.name
    assert {"recipe", "data", "steps", "scores", "architecture"} <= set(card)
    assert path.stat().st_size < 25e6


@pytest.mark.slow
@pytest.mark.parametrize("name", WEIGHTS)
def test_beats_a_division_on_a_head_it_has_not_seen(name):
    head = simulate_head(
        HeadRecipe(shape=(82, 102, 102), voxel_size=(2.0, 2.0, 2.0), anatomy=4242, seed=4242)
    )
    mask, rng = head.brain_mask, np.random.default_rng(0)
    field = np.where(mask, head.local_field + rng.normal(0, 0.002, mask.shape), 0)
    field = field.astype(np.float32)
    geometry = {"voxel_size": head.voxel_size, "b0_dir": head.b0_dir}

    def error(chi):
        a, b = (image[mask] - image[mask].mean() for image in (chi, head.chi))
        return np.linalg.norm(a - b) / np.linalg.norm(b)

    found = error(network(Problem(field, mask, **geometry), weights=name).chi)
    assert found < 0.85 * error(invert(field, mask, method="tkd", **geometry))
