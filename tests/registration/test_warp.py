"""Warps: images brought along them and back, and the file by which ITK does the same."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from qsmbids.registration import Warp, pull, push, write_transform

sitk = pytest.importorskip("SimpleITK")

SHAPE, AFFINE = (30, 32, 28), np.diag([2.0, 2.0, 2.0, 1.0])
AFFINE[:3, 3] = (-30, -30, -25)
ONTO_SHAPE, ONTO = (40, 38, 36), np.diag([1.8, 1.8, 1.8, 1.0])
ONTO[:3, 3] = (-35, -33, -30)


@pytest.fixture
def warp(rng: np.random.Generator) -> Warp:
    """Return a shear, a shift, and smooth displacements of some millimetres."""
    matrix = np.array([[1.1, 0.05, 0, 3], [0, 0.95, 0, -2], [0, 0.08, 1, 1], [0, 0, 0, 1.0]])
    noise = rng.normal(size=(*SHAPE, 3))
    smooth = ndimage.gaussian_filter(noise, (6, 6, 6, 0))
    return Warp(matrix, np.float32(2 * smooth / smooth.std()), AFFINE)


@pytest.fixture
def ball() -> np.ndarray:
    """Return a soft ball off the centre."""
    x, y, z = np.indices(SHAPE)
    distance = np.sqrt((x - 17) ** 2 + (y - 14) ** 2 + (z - 15) ** 2)
    return np.clip(7 - distance, 0, 3).astype(np.float32)


def test_a_pure_shift_moves_by_just_that(ball: np.ndarray) -> None:
    matrix = np.eye(4)
    matrix[:3, 3] = (4, 0, -2)  # two voxels, and one
    shift = Warp(matrix, np.zeros((*SHAPE, 3), np.float32), AFFINE)
    there = push(ball, [shift], affine=AFFINE, onto=AFFINE, shape=SHAPE)
    assert there == pytest.approx(np.roll(ball, (2, -1), (0, 2)), abs=1e-4)
    back = pull(there, [shift], affine=AFFINE, onto=AFFINE, shape=SHAPE)
    assert back == pytest.approx(ball, abs=1e-4)


def test_what_goes_there_comes_back(warp: Warp, ball: np.ndarray) -> None:
    there = push(ball, [warp], affine=AFFINE, onto=ONTO, shape=ONTO_SHAPE)
    back = pull(there, [warp], affine=ONTO, onto=AFFINE, shape=SHAPE)
    assert np.corrcoef(back.ravel(), ball.ravel())[0, 1] > 0.98
    moved = push(ball, [warp], affine=AFFINE, onto=AFFINE, shape=SHAPE)
    assert np.corrcoef(moved.ravel(), ball.ravel())[0, 1] < 0.9


def test_two_warps_are_one_after_the_other(warp: Warp, ball: np.ndarray) -> None:
    matrix = np.eye(4)
    matrix[:3, 3] = (0, 6, 0)
    shift = Warp(matrix, np.zeros((*SHAPE, 3), np.float32), AFFINE)
    to = {"affine": AFFINE, "onto": AFFINE, "shape": SHAPE}
    once = push(push(ball, [warp], **to), [shift], **to)
    both = push(ball, [warp, shift], **to)
    assert np.corrcoef(once.ravel(), both.ravel())[0, 1] > 0.995


def test_the_file_does_the_same_in_itk(warp: Warp, ball: np.ndarray, tmp_path: Path) -> None:
    write_transform(tmp_path / "a_xfm.h5", [warp])
    assert [path.name for path in tmp_path.iterdir()] == ["a_xfm.h5"]
    for name, image, affine in (("image", ball, AFFINE), ("grid", np.zeros(ONTO_SHAPE), ONTO)):
        nib.save(nib.Nifti1Image(image.astype(np.float32), affine), tmp_path / f"{name}.nii")
    image, grid = (sitk.ReadImage(str(tmp_path / f"{name}.nii")) for name in ("image", "grid"))
    transform = sitk.ReadTransform(str(tmp_path / "a_xfm.h5"))
    found = sitk.GetArrayFromImage(sitk.Resample(image, grid, transform, sitk.sitkLinear, 0.0)).T
    expected = push(ball, [warp], affine=AFFINE, onto=ONTO, shape=ONTO_SHAPE)
    assert found == pytest.approx(expected, abs=1e-3)
    assert expected.max() > 2
