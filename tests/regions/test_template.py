"""The shipped atlas, and heads registered to its template."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from volumes import dice, simulated_head

from qsmbids.interfaces.images import read_labels
from qsmbids.regions import Parcellation
from qsmbids.regions.draw import NAMES, NUCLEI, draw
from qsmbids.regions.template import ATLAS_FILE, register_to_template, template
from qsmbids.registration import pull, push
from qsmbids.simulation import TISSUES, HeadRecipe

pytestmark = pytest.mark.slow
SHAPE, VOXEL = (66, 82, 82), (2.5, 2.5, 2.5)


@pytest.fixture(scope="module")
def atlas() -> tuple[Parcellation, np.ndarray]:
    labels, affine = read_labels(ATLAS_FILE)
    return Parcellation(labels, NAMES), affine


def test_the_shipped_atlas_is_what_the_rule_draws(atlas: tuple[Parcellation, np.ndarray]) -> None:
    labels, affine = draw()
    assert np.array_equal(labels, atlas[0].labels)
    assert np.array_equal(affine, atlas[1])
    assert (Path(ATLAS_FILE).parent / "README.md").is_file()


def test_the_nuclei_lie_where_anatomy_has_them(atlas: tuple[Parcellation, np.ndarray]) -> None:
    regions, affine = atlas

    def centre(name: str) -> np.ndarray:
        return affine[:3, :3] @ np.argwhere(regions.where(name)).mean(axis=0) + affine[:3, 3]

    for name in NUCLEI:
        left, right = centre(f"left {name}"), centre(f"right {name}")
        assert left[0] < -3
        assert left == pytest.approx(right * [-1, 1, 1], abs=0.5)
    caudate, putamen, pallidum = (centre(f"right {n}") for n in ("caudate", "putamen", "pallidum"))
    assert caudate[0] < pallidum[0] < putamen[0]
    assert centre("splenium") == pytest.approx([0, -38, 14], abs=2)
    nigra, red = centre("right substantia nigra"), centre("right red nucleus")
    assert nigra[2] < red[2]


def test_a_head_of_another_anatomy_gets_the_regions(atlas: tuple[Parcellation, np.ndarray]) -> None:
    recipe = HeadRecipe(
        shape=SHAPE, voxel_size=VOXEL, field_strength=3.0, anatomy=1001, b0_tilt=(15.0, 5.0)
    )
    head = simulated_head(recipe)
    regions, affine = atlas
    warp = register_to_template(
        template(regions),
        head.magnitude[0],
        head.brain_mask,
        head.affine,
        chi=head.chi_brain,
        threads=2,
    )
    to = {"affine": affine, "onto": head.affine, "shape": SHAPE, "order": 0}
    found = pull(regions.labels, [warp], **to)
    names = ("caudate", "putamen", "pallidum", "thalamus")
    overlap = {
        name: dice(np.isin(found, regions.find(name)), head.labels == TISSUES[name].label)
        for name in names
    }
    assert min(overlap.values()) > 0.75, overlap
    # left stays left
    left = np.argwhere(np.isin(found, regions.find("left putamen"))).mean(axis=0)
    assert left[0] < SHAPE[0] / 2
    # and what went there comes back
    back = push(
        (head.labels == TISSUES["putamen"].label).astype(np.float32),
        [warp],
        affine=head.affine,
        onto=affine,
        shape=regions.labels.shape,
    )
    assert dice(back > 0.5, regions.where("putamen")) > 0.75
