"""Which brain masks are doubted, and why."""

import numpy as np
import pytest

from qsmbids.masking.plausibility import asymmetry, at_border, demand_brain, doubts
from qsmbids.masking.result import ExtractionError
from qsmbids.simulation import HeadRecipe, simulate_head

EDGES = (3.0, 3.0, 3.0)
AFFINE = np.diag([*EDGES, 1.0])


@pytest.fixture(scope="module")
def brain():
    recipe = HeadRecipe(
        shape=(64, 74, 64), voxel_size=EDGES, echo_times=(0.006,), anatomy=1, b0_tilt=(8.0, 10.0)
    )
    return simulate_head(recipe).brain_mask


def reasons(mask, **more):
    return " ".join(doubts(mask, voxel_size=EDGES, affine=AFFINE, **more))


def test_a_brain_is_not_doubted(brain):
    assert reasons(brain, every=brain) == ""


def half(brain):
    middle = int(np.median(np.argwhere(brain)[:, 0]))
    cut = brain.copy()
    cut[:middle] = False
    return cut


def quarter_gone(brain):
    places = np.argwhere(brain)
    cut = brain.copy()
    cut[: int(np.median(places[:, 0])), :, int(np.median(places[:, 2])) :] = False
    return cut


def ball(brain):
    axes = np.meshgrid(*[np.arange(n) - n / 2 for n in brain.shape], indexing="ij")
    return sum(axis**2 for axis in axes) < 22**2


def swollen(brain):
    from scipy import ndimage

    return ndimage.binary_dilation(brain, iterations=4)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (half, "left and right differ"),
        (quarter_gone, "left and right differ"),
        (ball, "nearly a ball"),
        (swollen, "its volume is"),
    ],
)
def test_what_is_no_whole_brain_is_doubted_with_a_remedy(brain, change, text):
    told = reasons(change(brain))
    assert text in told
    assert "--derivatives" in told


def test_a_second_piece_and_two_opinions_are_doubted(brain):
    two = np.concatenate([brain, np.zeros((2, *brain.shape[1:]), bool), brain])
    assert "a second piece" in reasons(brain, every=two)
    assert "mirror image" in reasons(brain, agreement=0.8)
    assert reasons(brain, agreement=0.95) == ""


def test_a_slab_may_hold_less_than_a_brain(brain):
    height = int(np.median(np.argwhere(brain)[:, 2]))
    slab = brain[:, :, height - 5 : height + 5]
    assert at_border(slab) > 0.1 > at_border(brain)
    assert "volume" not in reasons(slab)


def test_asymmetry_of_what_is_tilted_is_small(brain):
    assert asymmetry(brain) < 0.12
    assert asymmetry(quarter_gone(brain)) > 0.2


def test_too_little_is_no_brain():
    mask = np.zeros((30, 30, 30), bool)
    mask[10:24, 10:24, 10:24] = True  # 74 ml
    with pytest.raises(ExtractionError, match="--brain-extraction none"):
        demand_brain(mask, EDGES)
