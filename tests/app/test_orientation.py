"""The same head stored in another order of voxels gives the same map."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from qsmbids.interfaces import arrays, axis_order, images
from qsmbids.interfaces.axis_order import turn_back, turn_upright, upright_grid
from qsmbids.interfaces.brain_mask import BrainMask
from qsmbids.interfaces.read_field import LoadField

SHAPE = (10, 12, 9)
TILT = nib.eulerangles.euler2mat(0.1, 0.2, -0.3)
AFFINE = nib.affines.from_matvec(TILT @ np.diag([1.0, 2.0, 3.0]), [-5, 7, 11])
CODES = ["RAS", "LAS", "LPS", "PSR", "AIL", "SAR", "IPL"]


def write(path: Path, data: np.ndarray, codes: str) -> str:
    """Write an image on the tilted grid, its voxels in the order of ``codes``."""
    image = nib.Nifti1Image(data, AFFINE)
    turn = ornt_transform(io_orientation(AFFINE), axcodes2ornt(codes))
    nib.save(image.as_reoriented(turn), path)
    return str(path)


@pytest.mark.parametrize("codes", CODES)
def test_stages_see_one_orientation_and_files_keep_theirs(tmp_path: Path, codes: str) -> None:
    field = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    brain = (np.arange(field.size).reshape(SHAPE) % 7 > 1).astype(np.uint8)
    path = write(tmp_path / "sub-01_desc-local_fieldmap.nii.gz", field, codes)
    mask = write(tmp_path / "sub-01_desc-brain_mask.nii.gz", brain, codes)
    stage = LoadField(key="sub-01", field=path, field_units="ppm", kind="total-field")
    read = stage.run(cwd=str(tmp_path)).outputs
    np.testing.assert_array_equal(arrays.load(read.field), field)
    np.testing.assert_allclose(read.grid["affine"], AFFINE, atol=1e-5)
    np.testing.assert_allclose(read.grid["voxel_size"], (1, 2, 3), atol=1e-5)
    np.testing.assert_allclose(read.grid["b0_dir"], TILT[2], atol=1e-5)
    masking = BrainMask(key="sub-01", grid=read.grid, mask_file=mask)
    masked = masking.run(cwd=str(tmp_path)).outputs
    np.testing.assert_array_equal(arrays.load(masked.mask), brain)
    stored, affine = images.read_image(Path(path))
    np.testing.assert_array_equal(turn_back(field, read.grid), stored)
    np.testing.assert_allclose(read.grid["stored"]["affine"], affine)


def test_upright_images_stay_as_they_are() -> None:
    grid = upright_grid(axis_order.make_grid(Path("a.nii"), SHAPE, AFFINE))
    image = np.zeros(SHAPE, np.float32)
    assert np.shares_memory(turn_upright(image, grid), image)
    np.testing.assert_array_equal(grid["affine"], AFFINE)
    assert grid["shape"] == list(SHAPE)
