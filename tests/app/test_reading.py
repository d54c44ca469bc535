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
from qsmbids.interfaces.brain_mask import BrainMask
from qsmbids.interfaces.read_field import LoadField
from qsmbids.interfaces.read_series import LoadSeries
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
    stage = LoadSeries(key="sub-01", phase_units="rad", **paths, **more)
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


def test_the_rule_and_its_doubts_reach_the_sidecar(
    tmp_path: Path, files: dict[str, list[Path]]
) -> None:
    said = load(tmp_path, files, "magnitude", "phase").stage
    assert "radians from -pi to pi" in said["Method"]
    assert said["Warnings"] == []
    for path in files["phase"]:
        phantom.write(path, np.round(nib.load(path).get_fdata() * 1000).astype(np.int16))
    said = load(tmp_path, files, "magnitude", "phase").stage
    assert "milliradians" in said["Method"]
    assert "Correct Units" in said["Warnings"][0]


@pytest.mark.parametrize("parts", [("magnitude", "phase"), ("real", "imaginary")])
def test_slices_of_alternating_sign_are_mended(tmp_path: Path, parts: tuple[str, str]) -> None:
    magnitude, phase = phantom.signal()
    plain, chopped = {}, {}
    sign = np.where(np.arange(phase.shape[-1]) % 2, -1, 1)
    for folder, found, signal in (
        ("plain", plain, magnitude * np.exp(1j * phase)),
        ("chopped", chopped, magnitude * np.exp(1j * phase) * sign),
    ):
        for part, take in zip(
            ("magnitude", "phase", "real", "imaginary"),
            (np.abs, np.angle, np.real, np.imag),
            strict=True,
        ):
            found[part] = [tmp_path / folder / f"sub-01_echo-{n}_{part}.nii.gz" for n in (1, 2)]
            for path, echo in zip(found[part], signal, strict=False):
                phantom.write(path, take(echo).astype(np.float32))
    usual, mended = (load(tmp_path, found, *parts) for found in (plain, chopped))
    assert "opposite sign" not in usual.stage["Method"]
    assert "Every second slice from feet to head had the opposite sign" in mended.stage["Method"]
    gap = arrays.load(usual.phase) - arrays.load(mended.phase)
    assert np.abs(np.angle(np.exp(1j * gap))).max() < 1e-4


def test_parts_stored_with_an_offset_are_refused(
    tmp_path: Path, files: dict[str, list[Path]]
) -> None:
    for path in (*files["real"], *files["imaginary"]):
        phantom.write(path, nib.load(path).get_fdata(dtype=np.float32) + 200)
    with pytest.raises(InputError, match="with their sign"):
        load(tmp_path, files, "real", "imaginary")


def test_b0_of_a_registered_header_is_the_scanners(
    tmp_path: Path, files: dict[str, list[Path]]
) -> None:
    turn = nib.eulerangles.euler2mat(x=0.3)
    for path in (*files["magnitude"], *files["phase"]):
        image = nib.load(path)
        data = image.get_fdata(dtype=np.float32)
        image = nib.Nifti1Image(data, image.affine)
        image.set_qform(image.affine, 1)
        image.set_sform(nib.affines.from_matvec(turn) @ image.affine, 2)
        nib.save(image, path)
    made = load(tmp_path, files, "magnitude", "phase")
    np.testing.assert_allclose(made.grid["b0_dir"], [0, 0, 1], atol=1e-6)
    assert "B0's direction was taken from the qform" in made.stage["Warnings"][0]
    np.testing.assert_allclose(
        np.array(made.grid["stored"]["affine"])[:3, :3], turn @ np.diag(phantom.VOXEL), atol=1e-5
    )


def test_voxels_in_metres_are_read_in_mm(tmp_path: Path, files: dict[str, list[Path]]) -> None:
    for path in (*files["magnitude"], *files["phase"]):
        data = nib.load(path).get_fdata(dtype=np.float32)
        image = nib.Nifti1Image(data, np.diag([*np.array(phantom.VOXEL) / 1000, 1]))
        image.header.set_xyzt_units("meter")
        nib.save(image, path)
    made = load(tmp_path, files, "magnitude", "phase")
    assert made.grid["voxel_size"] == pytest.approx(phantom.VOXEL)
    image = nib.Nifti1Image(data, np.diag([*np.array(phantom.VOXEL) / 1000, 1]))
    nib.save(image, files["phase"][0])
    with pytest.raises(InputError, match="xyzt_units"):
        load(tmp_path, files, "magnitude", "phase")


@pytest.mark.parametrize("units", ["ppm", "Hz"])
def test_a_field_is_read_in_ppm(tmp_path: Path, units: str) -> None:
    path = tmp_path / "sub-01_desc-local_fieldmap.nii.gz"
    field = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    field[0] = 0
    phantom.write(path, field)
    stage = LoadField(
        key="sub-01",
        field=str(path),
        field_units=units,
        field_strength=7.0,
        kind="local-field",
    )
    made = stage.run(cwd=str(tmp_path)).outputs
    scale = 1 if units == "ppm" else hz_per_ppm(7.0)
    np.testing.assert_allclose(arrays.load(made.field) * scale, field, rtol=1e-5)
    np.testing.assert_array_equal(arrays.load(made.weight), field != 0)


def test_a_local_field_is_trusted_by_its_magnitude(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path, images = tmp_path / "sub-01_fieldmap.nii.gz", [tmp_path / f"{n}.nii.gz" for n in range(2)]
    field, echoes = rng.normal(size=SHAPE).astype(np.float32), rng.uniform(0, 9, (2, *SHAPE))
    field[0], echoes[0, 1, 1, 1], echoes[1, 1, 1, 1] = 0, -5, 0
    for file, image in zip((path, *images), (field, *echoes), strict=True):
        phantom.write(file, image.astype(np.float32))
    names = [str(image) for image in images]
    common = {"key": "sub-01", "field": str(path)}
    stage = LoadField(**common, field_units="ppm", kind="local-field", magnitude=names)
    made = stage.run(cwd=str(tmp_path)).outputs
    signal = np.where(field == 0, 0, np.hypot(*echoes))
    expected = signal / np.hypot(*echoes).max()
    np.testing.assert_allclose(arrays.load(made.weight), expected, atol=1e-6)
    assert made.stage["Parameters"]["Weight"] == "magnitude over its maximum"


def test_a_magnitude_without_signal_is_refused(tmp_path: Path) -> None:
    path, image = tmp_path / "sub-01_fieldmap.nii.gz", tmp_path / "sub-01_magnitude.nii.gz"
    phantom.write(path, np.random.default_rng(0).normal(size=SHAPE).astype(np.float32))
    phantom.write(image, np.zeros(SHAPE, np.float32))
    stage = LoadField(
        key="sub-01",
        field=str(path),
        field_units="ppm",
        kind="local-field",
        magnitude=[str(image)],
    )
    with pytest.raises(InputError, match=r"sub-01_magnitude.nii.gz is zero"):
        stage.run(cwd=str(tmp_path))


def test_a_field_in_hertz_needs_a_field_strength(tmp_path: Path) -> None:
    path = tmp_path / "sub-01_desc-local_fieldmap.nii.gz"
    phantom.write(path, np.random.default_rng(0).normal(size=SHAPE).astype(np.float32))
    stage = LoadField(key="sub-01", field=str(path), field_units="Hz", kind="local-field")
    with pytest.raises(InputError, match="MagneticFieldStrength"):
        stage.run(cwd=str(tmp_path))


def test_a_mask_on_another_grid_is_refused(tmp_path: Path, files: dict[str, list[Path]]) -> None:
    grid = load(tmp_path, files, "magnitude", "phase").grid
    path = tmp_path / "sub-01_desc-brain_mask.nii.gz"
    _other_grid(path)
    with pytest.raises(InputError, match="another grid"):
        BrainMask(key="sub-01", grid=grid, mask_file=str(path)).run(cwd=str(tmp_path))


def test_results_of_other_code_are_stale() -> None:
    stage = LoadField(key="sub-01", field="a.nii", kind="local-field")
    ours = stage.inputs.get_hashval()[1]
    stage.inputs.code = "another"
    assert stage.inputs.get_hashval()[1] != ours


@pytest.mark.parametrize(("voxels", "value"), [(1, 1e7), (1, 3e38), (500, 2e3)])
def test_an_absurd_field_is_refused(tmp_path: Path, voxels: int, value: float) -> None:
    path = tmp_path / "sub-01_desc-local_fieldmap.nii.gz"
    field = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    field.flat[:voxels] = value
    phantom.write(path, field)
    stage = LoadField(key="sub-01", field=str(path), field_units="ppm", kind="local-field")
    with pytest.raises(InputError, match=r"sub-01_desc-local_fieldmap\.nii\.gz holds "):
        stage.run(cwd=str(tmp_path))
