"""Reading series and fields: what comes out, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import phantom
import pytest

from qsmbids.errors import InputError
from qsmbids.interfaces import arrays
from qsmbids.interfaces.fields import BrainMask
from qsmbids.interfaces.reading import LoadField, LoadSeries
from qsmbids.physics import hz_per_ppm

SHAPE = (10, 12, 9)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, list[Path]]:
    """Two echoes of noise, as magnitude and phase and as real and imaginary part."""
    rng = np.random.default_rng(0)
    found: dict[str, list[Path]] = {}
    for echo in (1, 2):
        magnitude = rng.uniform(50, 100, SHAPE).astype(np.float32)
        phase = rng.uniform(-np.pi, np.pi, SHAPE).astype(np.float32)
        phase.flat[:2] = -np.pi, np.pi
        for part, data in (
            ("magnitude", magnitude),
            ("phase", phase),
            ("real", magnitude * np.cos(phase)),
            ("imaginary", magnitude * np.sin(phase)),
        ):
            path = tmp_path / f"sub-01_echo-{echo}_{part}.nii.gz"
            phantom.write(path, data)
            found.setdefault(part, []).append(path)
    return found


def load(tmp_path: Path, files: dict[str, list[Path]], *parts: str, **more: Any) -> Any:
    paths = {part: [str(path) for path in files[part]] for part in parts}
    images = [path for part in paths.values() for path in part]
    stage = LoadSeries(key="sub-01", images=images, phase_units="rad", **paths, **more)
    return stage.run(cwd=str(tmp_path)).outputs


def test_both_pairs_of_parts_are_the_same_signal(
    tmp_path: Path, files: dict[str, list[Path]]
) -> None:
    polar = load(tmp_path, files, "magnitude", "phase", num_threads=2)
    cartesian = load(tmp_path, files, "real", "imaginary")
    signals = [
        arrays.load(made.magnitude) * np.exp(1j * arrays.load(made.phase))
        for made in (polar, cartesian)
    ]
    assert signals[0].shape == (2, *SHAPE)
    np.testing.assert_allclose(signals[0], signals[1], atol=1e-3)
    assert polar.grid["voxel_size"] == list(phantom.VOXEL)


def _other_grid(path: Path) -> None:
    nib.save(nib.Nifti1Image(np.ones(SHAPE, np.float32), np.diag([2.0, 3, 3, 1])), path)


def _constant(path: Path) -> None:
    phantom.write(path, np.full(SHAPE, 2, np.float32))


def _zero(path: Path) -> None:
    phantom.write(path, np.zeros(SHAPE, np.float32))


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


@pytest.mark.parametrize("part", ["magnitude", "phase"])
@pytest.mark.parametrize("damage", [_other_grid, _constant, _zero, _truncate])
def test_a_bad_echo_is_named(
    tmp_path: Path, files: dict[str, list[Path]], part: str, damage: Any
) -> None:
    path = files[part][1]
    damage(path)
    with pytest.raises(InputError) as error:
        load(tmp_path, files, "magnitude", "phase")
    assert path.name in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_negative_magnitude_is_refused(tmp_path: Path, files: dict[str, list[Path]]) -> None:
    with pytest.raises(InputError, match="is it a magnitude image"):
        load(tmp_path, {**files, "magnitude": files["real"]}, "magnitude", "phase")


def test_the_negative_echo_is_the_one_named(tmp_path: Path, files: dict[str, list[Path]]) -> None:
    path = files["magnitude"][1]
    phantom.write(path, np.random.default_rng(0).normal(size=SHAPE).astype(np.float32))
    with pytest.raises(InputError, match=path.name):
        load(tmp_path, files, "magnitude", "phase")


def test_a_mask_of_one_voxel_is_refused(tmp_path: Path, files: dict[str, list[Path]]) -> None:
    grid = load(tmp_path, files, "magnitude", "phase").grid
    path, mask = tmp_path / "sub-01_desc-brain_mask.nii.gz", np.zeros(SHAPE, np.uint8)
    mask[5, 5, 5] = 1
    phantom.write(path, mask)
    with pytest.raises(InputError, match=f"{path.name} is not three voxels wide"):
        BrainMask(key="sub-01", grid=grid, mask_file=str(path)).run(cwd=str(tmp_path))


@pytest.mark.parametrize("units", ["ppm", "Hz"])
def test_a_field_is_read_in_ppm(tmp_path: Path, units: str) -> None:
    path = tmp_path / "sub-01_desc-local_fieldmap.nii.gz"
    field = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    field[0] = 0
    phantom.write(path, field)
    stage = LoadField(
        key="sub-01",
        images=[str(path)],
        field=str(path),
        field_units=units,
        field_strength=7.0,
        kind="local-field",
    )
    made = stage.run(cwd=str(tmp_path)).outputs
    scale = 1 if units == "ppm" else hz_per_ppm(7.0)
    np.testing.assert_allclose(arrays.load(made.field) * scale, field, rtol=1e-5)
    np.testing.assert_array_equal(arrays.load(made.weight), field != 0)


def test_a_field_in_hertz_needs_a_field_strength(tmp_path: Path) -> None:
    path = tmp_path / "sub-01_desc-local_fieldmap.nii.gz"
    phantom.write(path, np.random.default_rng(0).normal(size=SHAPE).astype(np.float32))
    stage = LoadField(
        key="sub-01", images=[str(path)], field=str(path), field_units="Hz", kind="local-field"
    )
    with pytest.raises(InputError, match="MagneticFieldStrength"):
        stage.run(cwd=str(tmp_path))


def test_a_mask_on_another_grid_is_refused(tmp_path: Path, files: dict[str, list[Path]]) -> None:
    grid = load(tmp_path, files, "magnitude", "phase").grid
    path = tmp_path / "sub-01_desc-brain_mask.nii.gz"
    _other_grid(path)
    with pytest.raises(InputError, match="another grid"):
        BrainMask(key="sub-01", grid=grid, mask_file=str(path)).run(cwd=str(tmp_path))


def test_results_of_another_version_are_stale() -> None:
    stage = LoadField(key="sub-01", field="a.nii", kind="local-field")
    ours = stage.inputs.get_hashval()[1]
    stage.inputs.version = "another"
    assert stage.inputs.get_hashval()[1] != ours
