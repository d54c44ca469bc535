"""Susceptibility from several head orientations: physics, conditioning, registration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from qsmbids.inversion.conditioning import angles_between, condition_number
from qsmbids.inversion.cosmos import cosmos
from qsmbids.physics import forward_field
from qsmbids.registration import b0_after, register, resample, resample_mask
from qsmbids.simulation import HeadRecipe, simulate_head

VOXEL = (4.0, 4.0, 4.0)
NOISE = 2e-4  # ppm: the local field of four echoes at 7 T


def tilted(about_x: float = 0, about_y: float = 0) -> tuple[float, float, float]:
    """Return B0 along the axes of a grid that is turned with the head."""
    x, y, z = Rotation.from_euler("xy", (about_x, about_y), degrees=True).as_matrix()[2]
    return float(x), float(y), float(z)


@pytest.fixture(scope="module")
def head():
    echoes = (0.004, 0.012)
    return simulate_head(
        HeadRecipe(shape=(42, 52, 46), voxel_size=VOXEL, field_strength=3.0, echo_times=echoes)
    )


def fields_of(head, directions, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    made = [forward_field(head.chi_brain, VOXEL, b0) for b0 in directions]
    noisy = [field + rng.normal(0, noise, field.shape) for field in made]
    return np.stack(noisy).astype(np.float32) * head.brain_mask


def error(chi, truth, mask) -> float:
    difference = chi[mask] - truth[mask]
    return float(np.linalg.norm(difference - difference.mean()) / np.linalg.norm(truth[mask]))


@pytest.mark.parametrize("axis", ["about_x", "about_y"])
def test_three_orientations_recover_the_susceptibility(head, axis):
    directions = [tilted(), tilted(**{axis: 20}), tilted(**{axis: -20})]
    fields = fields_of(head, directions, NOISE)
    found = cosmos(fields, head.brain_mask, voxel_size=VOXEL, b0_dir=directions)
    assert error(found.chi, head.chi_brain, head.brain_mask) < 0.025
    assert not found.details["SourcesOutsideMasks"]
    assert not found.warnings
    assert (found.chi[~head.brain_mask] == 0).all()
    assert abs(found.chi[head.brain_mask].mean()) < 1e-6


@pytest.mark.parametrize("noise", [NOISE, 1e-3])
def test_sources_in_an_eroded_rim_are_found_out(head, noise):
    directions = [tilted(), tilted(20), tilted(0, 20)]
    eroded = ndimage.binary_erosion(head.brain_mask)
    fields = fields_of(head, directions, noise) * eroded
    found = cosmos(fields, eroded, voxel_size=VOXEL, b0_dir=directions)
    assert found.details["SourcesOutsideMasks"]
    assert error(found.chi, head.chi_brain, eroded) < 0.2  # 0.4 with sources in the mask alone


def test_more_orientations_are_better_and_two_are_worse(head):
    directions = [tilted(), tilted(20), tilted(-20), tilted(0, 20), tilted(0, -20)]
    fields = fields_of(head, directions, 5e-4)
    errors = [
        error(
            cosmos(fields[:n], head.brain_mask, voxel_size=VOXEL, b0_dir=directions[:n]).chi,
            head.chi_brain,
            head.brain_mask,
        )
        for n in (2, 3, 5)
    ]
    assert errors[0] > 1.3 * errors[1] > 1.3 * errors[2]


def test_what_lies_outside_of_the_masks_does_no_harm(head):
    directions = [tilted(), tilted(about_x=20), tilted(about_x=-20)]
    fields = fields_of(head, directions, NOISE)
    how = {"voxel_size": VOXEL, "b0_dir": directions}
    clean, spoilt = (
        cosmos([np.where(head.brain_mask, one, rest) for one in fields], head.brain_mask, **how).chi
        for rest in (0, np.nan)
    )
    np.testing.assert_array_equal(spoilt, clean)


def test_a_voxel_without_weight_does_no_harm(head):
    directions = [tilted(), tilted(20), tilted(0, 20)]
    fields = fields_of(head, directions)
    weight = np.ones_like(fields)
    broken = np.argwhere(ndimage.binary_erosion(head.brain_mask, iterations=4))[::300]
    for orientation in range(3):
        fields[orientation][tuple(broken.T)] = 5.0
        weight[orientation][tuple(broken.T)] = 0.0
    how = {"voxel_size": VOXEL, "b0_dir": directions}
    kept = cosmos(fields, head.brain_mask, weight=weight, **how).chi
    spoilt = cosmos(fields, head.brain_mask, **how).chi
    assert error(kept, head.chi_brain, head.brain_mask) < 0.05
    assert error(spoilt, head.chi_brain, head.brain_mask) > 1


def test_masks_that_differ_give_what_they_share(head):
    directions = [tilted(), tilted(20), tilted(0, 20)]
    fields = fields_of(head, directions)
    masks = np.stack([head.brain_mask] * 3)
    masks[0, :25], masks[2, :, :30] = False, False
    found = cosmos(fields * masks, masks, voxel_size=VOXEL, b0_dir=directions)
    shared = masks.all(axis=0)
    assert ((found.chi != 0) <= shared).all()
    assert error(found.chi, head.chi_brain, shared) < 0.25  # the half is known from one field


@pytest.mark.parametrize(
    ("directions", "low", "high"),
    [
        ([tilted(), tilted(20), tilted(-20)], 28, 31),
        ([tilted(), tilted(60), tilted(-60)], 1.9, 2.2),
        ([tilted(), tilted(20)], 1e5, 1e6),
        ([tilted()] * 3, 1e5, 1e6),
    ],
)
def test_condition_number(directions, low, high):
    assert low <= condition_number(directions) <= high


def test_condition_does_not_depend_on_the_frame_or_on_the_sign_of_b0():
    directions = np.array([tilted(), tilted(15, 5), tilted(-10, 20)])
    turned = directions @ Rotation.from_euler("xyz", (31, -12, 77), degrees=True).as_matrix()
    expected = condition_number(directions.tolist())
    assert condition_number(turned.tolist()) == pytest.approx(expected, rel=1e-3)
    assert condition_number((-directions).tolist()) == pytest.approx(expected, rel=1e-6)


def test_angles():
    found = np.array(angles_between([tilted(), tilted(20), tilted(0, -30), (0, 0, -2)]))
    assert found[0] == pytest.approx([0, 20, 30, 0], abs=0.01)
    assert (found == found.T).all()


def test_too_few_and_too_alike_are_said_in_one_sentence_each(head):
    directions = [tilted(), tilted(3)]
    fields = fields_of(head, directions)
    found = cosmos(fields, head.brain_mask, voxel_size=VOXEL, b0_dir=directions, iterations=1)
    few, alike = found.warnings
    assert "2 orientations" in few
    assert "too alike" in alike
    assert all(text.count(".") == 1 and text.endswith(".") for text in found.warnings)
    assert found.details["ConditionNumber"] > 50


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"fields": np.ones((1, 8, 8, 8))}, "two or more"),
        ({"b0_dir": [(0, 0, 1)]}, "1 B0 directions"),
        ({"masks": np.ones((2, 8, 8, 7))}, "masks' shape"),
        ({"weight": np.ones((8, 8, 8))}, "weights' shape"),
        ({"masks": np.arange(2)[:, None, None, None] == np.arange(8)[:, None, None] % 2}, "shape"),
    ],
)
def test_wrong_arguments(change, what):
    given = {
        "fields": np.ones((2, 8, 8, 8)),
        "masks": np.ones((8, 8, 8)),
        "voxel_size": VOXEL,
        "b0_dir": [(0, 0, 1), (0, 1, 1)],
    }
    given.update(change)
    with pytest.raises(ValueError, match=what):
        cosmos(given.pop("fields"), given.pop("masks"), **given)


def test_masks_without_a_common_voxel():
    masks = np.zeros((2, 8, 8, 8), bool)
    masks[0, :4], masks[1, 4:] = True, True
    with pytest.raises(ValueError, match="no voxel in common"):
        cosmos(np.ones((2, 8, 8, 8)), masks, voxel_size=VOXEL, b0_dir=[(0, 0, 1), (0, 1, 1)])


def scanned(image, turn, shift, *, voxel, shape, order=3):
    """Return an image (4 mm) of a head that was moved in the scanner, and its axial affine."""
    own, new = axial(VOXEL, image.shape), axial(voxel, shape)
    back = np.eye(4)
    back[:3, :3], back[:3, 3] = turn.T, -turn.T @ shift
    to_voxel = np.linalg.inv(own) @ back @ new
    data = image.astype(np.float32)
    return ndimage.affine_transform(
        data, to_voxel[:3, :3], to_voxel[:3, 3], shape, np.float32, order
    ), new


def axial(voxel, shape):
    affine = np.diag([*voxel, 1.0])
    affine[:3, 3] = -np.array(voxel) * (np.array(shape) - 1) / 2
    return affine


GRID = {"voxel": (3.6, 4.3, 4.0), "shape": (58, 54, 56)}
SHIFT = np.array([6.0, -9.0, 4.0])


@pytest.mark.slow
@pytest.mark.parametrize("angles", [(25, 0, 0), (-10, 28, 8)])
def test_registration_finds_a_turned_head(head, angles):
    pytest.importorskip("SimpleITK")
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    moving, affine = scanned(head.magnitude[1], turn, SHIFT, **GRID)
    mask, _ = scanned(head.brain_mask, turn, SHIFT, order=1, **GRID)
    own = axial(VOXEL, head.brain_mask.shape)
    found = register(
        head.magnitude[0],
        moving,
        fixed_affine=own,
        moving_affine=affine,
        fixed_mask=head.brain_mask,
        moving_mask=mask > 0.5,
    )
    points = np.argwhere(head.brain_mask)[::40] @ own[:3, :3].T + own[:3, 3]
    true = points @ turn.T + SHIFT
    moved = points @ found.matrix[:3, :3].T + found.matrix[:3, 3]
    assert np.linalg.norm(moved - true, axis=1).max() < 0.5  # mm
    b0 = b0_after((0, 0, 1), affine=affine, onto=own, motion=found.matrix)
    assert np.degrees(np.arccos(min(1.0, abs(np.dot(b0, turn.T @ (0, 0, 1)))))) < 0.3


def test_fields_of_turned_grids_give_the_susceptibility(head):
    own = axial(VOXEL, head.brain_mask.shape)
    fields, masks, directions = [], [], []
    for angles in ((0, 0, 0), (22, 0, 4), (0, 25, -3)):
        turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
        truth = ndimage.gaussian_filter(head.chi_brain, 1.0)
        field, affine = scanned(
            forward_field(truth, VOXEL, tuple(turn.T @ (0, 0, 1))), turn, SHIFT, **GRID
        )
        mask, _ = scanned(head.brain_mask, turn, SHIFT, order=1, **GRID)
        motion = np.eye(4)
        motion[:3, :3], motion[:3, 3] = turn, SHIFT
        to = {"affine": affine, "onto": own, "motion": motion}
        shape = head.brain_mask.shape
        inside = mask > 0.5
        fields.append(resample(field * inside, inside, shape=shape, **to))
        masks.append(resample_mask(inside, shape=shape, **to))
        directions.append(b0_after((0, 0, 1), **to))
    found = cosmos(np.stack(fields), np.stack(masks), voxel_size=VOXEL, b0_dir=directions)
    shared = np.all(masks, axis=0)
    assert error(found.chi, truth, shared) < 0.05
    assert angles_between(directions)[0] == pytest.approx([0, 22, 25], abs=0.05)


def test_registration_without_a_head():
    pytest.importorskip("SimpleITK")
    image, empty = np.ones((8, 8, 8)), np.zeros((8, 8, 8))
    with pytest.raises(ValueError, match="brain mask"):
        register(
            image,
            image,
            fixed_affine=np.eye(4),
            moving_affine=np.eye(4),
            fixed_mask=empty,
            moving_mask=image,
        )
