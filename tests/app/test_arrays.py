"""Reading and writing images and arrays."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from qsmbids.errors import InputError
from qsmbids.interfaces import arrays, axis_order, images

AFFINE = np.diag([1.0, 2.0, 3.0, 1.0])


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "sub-01_MEGRE.nii.gz"
    values = np.random.default_rng(0).normal(size=(12, 10, 8)).astype(np.float32)
    images.write_image(path, values, AFFINE.tolist())
    return path


def test_an_image_survives_the_round_trip(image: Path) -> None:
    data, affine = images.read_image(image)
    assert data.shape == (12, 10, 8)
    assert data.dtype == np.float32
    np.testing.assert_array_equal(affine, AFFINE)


def test_equal_voxels_are_equal_bytes(image: Path, tmp_path: Path) -> None:
    data, _ = images.read_image(image)
    again = tmp_path / "other" / "name.nii.gz"
    images.write_image(again, data, AFFINE.tolist())
    assert again.read_bytes() == image.read_bytes()
    assert not list(tmp_path.rglob("*.part"))


def test_masks_are_bytes(tmp_path: Path) -> None:
    path = tmp_path / "mask.nii.gz"
    images.write_image(path, np.ones((3, 3, 3), bool), AFFINE.tolist())
    assert nib.load(path).get_data_dtype() == np.uint8


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def _flip(path: Path) -> None:
    """Change the checksum only, which no reader of the voxels alone would notice."""
    content = bytearray(path.read_bytes())
    content[-6] ^= 0xFF
    path.write_bytes(content)


def _text(path: Path) -> None:
    path.write_text("no gzip")


def _nan(path: Path) -> None:
    data, affine = images.read_image(path)
    data[3, 3, 3] = np.nan
    nib.save(nib.Nifti1Image(data, affine), path)


def _flat(path: Path) -> None:
    nib.save(nib.Nifti1Image(np.ones((12, 10, 1), np.float32), AFFINE), path)


def _four(path: Path) -> None:
    nib.save(nib.Nifti1Image(np.ones((12, 10, 8, 2), np.float32), AFFINE), path)


@pytest.mark.parametrize("damage", [_cut, _flip, _text, _nan, _flat, _four, Path.unlink])
def test_bad_images_are_named_in_one_line(image: Path, damage: object) -> None:
    damage(image)  # type: ignore[operator]
    with pytest.raises(InputError, match=r"^sub-01_MEGRE\.nii\.gz ") as error:
        images.read_image(image)
    assert len(str(error.value).splitlines()) == 1


def test_another_grid_is_refused(image: Path) -> None:
    data, affine = images.read_image(image)
    grid = axis_order.make_grid(image, data.shape, affine)
    moved = affine.copy()
    moved[0, 3] += 0.05  # exporters round; the inventory takes a tenth of a voxel too
    images.check_grid(image, data.shape, moved, grid)
    for shape, other in (((12, 10, 9), affine), (data.shape, affine * 1.1)):
        with pytest.raises(InputError, match="another grid"):
            images.check_grid(image, shape, other, grid)


def test_the_name_tells_the_content(tmp_path: Path) -> None:
    a = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    first, same = arrays.save(tmp_path, "a", a), arrays.save(tmp_path, "a", a.copy())
    other = arrays.save(tmp_path, "a", a + 1)
    assert first == same != other
    np.testing.assert_array_equal(arrays.load(other), a + 1)


def test_level_one_gzip_is_readable_by_others(image: Path) -> None:
    with gzip.open(image) as stream:
        assert stream.read(4) == (348).to_bytes(4, "little")


def test_damage_within_a_file_is_found_on_reading(tmp_path):
    path = tmp_path / "a.nii.gz"
    noise = np.random.default_rng(0).normal(size=(20, 20, 20)).astype("f4")
    nib.save(nib.Nifti1Image(noise, np.eye(4)), path)
    images.read_image(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.nii\.gz is damaged or truncated"):
        images.read_image(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_a_map_that_is_not_finite_is_not_written(tmp_path: Path, value: float) -> None:
    path = tmp_path / "sub-01_Chimap.nii.gz"
    values = np.zeros((4, 4, 4))
    values[1, 2, 3] = value
    with pytest.raises(InputError, match=r"^sub-01_Chimap\.nii\.gz would hold NaN"):
        images.write_image(path, values, AFFINE.tolist())
    assert not list(tmp_path.iterdir())


def test_values_that_nothing_measured_has_are_refused(image: Path) -> None:
    data, affine = images.read_image(image)
    data[1, 1, 1] = 1e20
    nib.save(nib.Nifti1Image(data, affine), image)
    with pytest.raises(InputError, match=r"up to 1e\+20"):
        images.read_image(image)


def _zeros(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:128] + bytes(path.stat().st_size - 128))


def _cut_array(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4])


def _shape(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"(2, 3, 4)", b"(4, 3, 2)"))


@pytest.mark.parametrize("damage", [_zeros, _cut_array, _shape, Path.unlink])
def test_an_array_that_is_not_what_its_name_tells_is_refused(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    saved = Path(arrays.save(tmp_path, "a", np.arange(24, dtype=np.float32).reshape(2, 3, 4)))
    assert [path.name for path in tmp_path.iterdir()] == [saved.name]
    damage(saved)
    with pytest.raises(InputError, match="damaged or missing; run the same command again"):
        arrays.load(saved)


@pytest.mark.parametrize(("mask", "mode"), [("022", "644"), ("077", "600"), ("002", "664")])
def test_the_umask_is_kept(tmp_path: Path, mask: str, mode: str) -> None:
    code = (
        "import os, sys, numpy as np; from pathlib import Path; "
        f"os.umask(0o{mask}); from qsmbids.interfaces import images; "
        "images.write_image(Path(sys.argv[1]), np.ones((2, 2, 2)), np.eye(4))"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "a.nii.gz"], check=True)
    assert f"{(tmp_path / 'a.nii.gz').stat().st_mode & 0o777:o}" == mode


def test_data_without_end_behind_an_image_are_not_unpacked(image: Path) -> None:
    content = gzip.decompress(image.read_bytes())
    image.write_bytes(gzip.compress(content + bytes(1 << 20)))
    images.read_image(image)
    image.write_bytes(gzip.compress(content + bytes(1 << 26)))
    with pytest.raises(InputError, match="much more data than its header tells"):
        images.read_image(image)


def test_a_pipe_is_no_image(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.nii")
    with pytest.raises(InputError, match="pipe or device"):
        images.read_image(tmp_path / "a.nii")
