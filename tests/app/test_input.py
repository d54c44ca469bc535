"""One signal in the layouts that converters leave: the field must be the same from each."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import phantom
import pytest

from qsmbids.cli.main import main
from qsmbids.errors import InputError
from qsmbids.interfaces import arrays
from qsmbids.interfaces.fields import FieldMap
from qsmbids.interfaces.read_field import LoadField
from qsmbids.interfaces.read_series import LoadSeries

TIMES = (0.002, 0.006, 0.013)  # unequal spacing, the first echo soon
PAIR = {"EchoTime1": TIMES[0], "EchoTime2": TIMES[1]}
STEP = TIMES[1] - TIMES[0]


class Writer:
    """Writes the phantom's images for one participant."""

    def __init__(self, root: Path, label: str):
        self.folder, self.stem = root / f"sub-{label}", f"sub-{label}"

    def __call__(self, folder: str, name: str, data: np.ndarray, **meta: Any) -> None:
        path = self.folder / folder / f"{self.stem}_{name}.nii.gz"
        phantom.write(path, data)
        content = {"MagneticFieldStrength": phantom.B0, **meta}
        path.with_name(path.name.replace(".nii.gz", ".json")).write_text(json.dumps(content))


def wrapped(phase: np.ndarray) -> np.ndarray:
    return np.angle(np.exp(1j * phase)).astype(np.float32)


def stored(phase: np.ndarray) -> np.ndarray:
    """Return phase as Siemens stores it."""
    return np.clip(np.round(phase / np.pi * 4096), -4096, 4095).astype(np.int16)


def write_layouts(root: Path) -> None:
    magnitude, phase = phantom.signal(TIMES)
    difference = wrapped(phase[1] - phase[0])
    siemens: dict[str, Any] = {"Manufacturer": "Siemens", "Units": "arbitrary"}

    def echoes(
        label: str,
        numbers: tuple[int, ...],
        chosen: tuple[int, ...],
        phase: Sequence[np.ndarray] = phase,
    ) -> None:
        write = Writer(root, label)
        for number, echo in zip(numbers, chosen, strict=True):
            name, time = f"echo-{number}_part", TIMES[echo]
            write("anat", f"{name}-mag_MEGRE", magnitude[echo], EchoTime=time)
            write("anat", f"{name}-phase_MEGRE", phase[echo], EchoTime=time, Units="rad")

    echoes("three", (1, 2, 3), (0, 1, 2))
    echoes("shuffled", (3, 1, 2), (0, 1, 2))
    write = Writer(root, "stack")
    order = [2, 0, 1]
    listed = [TIMES[echo] for echo in order]
    write("anat", "part-mag_MEGRE", np.stack(magnitude[order], axis=-1), EchoTime=listed)
    write("anat", "part-phase_MEGRE", np.stack(phase[order], axis=-1), EchoTime=listed, Units="rad")
    echoes("two", (1, 2), (0, 1))
    ramp = np.linspace(-1.5, 1.5, phantom.SHAPE[0], dtype=np.float32)[:, None, None]
    echoes("bipolar", (1, 2), (0, 1), [phase[0], wrapped(phase[1] + ramp)])
    write = Writer(root, "phases")
    for echo in (0, 1):
        write("fmap", f"magnitude{echo + 1}", magnitude[echo])
        write("fmap", f"phase{echo + 1}", phase[echo], EchoTime=TIMES[echo], Units="rad")
    write = Writer(root, "phasediff")
    for echo in (0, 1):
        write("fmap", f"magnitude{echo + 1}", magnitude[echo])
    write("fmap", "phasediff", stored(difference), **PAIR, **siemens)
    write = Writer(root, "named")
    write("anat", "part-mag_T2starw", magnitude[0], EchoTime=TIMES[0])
    write("anat", "part-phase_T2starw", stored(difference), EchoTime=TIMES[1], **PAIR, **siemens)
    write = Writer(root, "hertz")
    write("fmap", "magnitude", magnitude[0])
    write("fmap", "fieldmap", difference / np.float32(2 * np.pi * STEP), Units="Hz", **PAIR)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layouts")
    (folder / "ds").mkdir()
    description = {"Name": "layouts", "BIDSVersion": "1.10.0"}
    (folder / "ds" / "dataset_description.json").write_text(json.dumps(description))
    write_layouts(folder / "ds")
    asked = ("--input", "all", "--method", "tkd", "--brain-extraction", "none", "--nprocs", "2")
    # RESHARP takes out exactly what is harmonic; the joint dipole fit leaves some 1 ppb of it
    asked += ("--background", "resharp")
    command = [str(folder / "ds"), str(folder / "out"), "participant", *asked]
    assert main([*command, "-w", str(folder / "work"), "--skip-bids-validation"]) == 0
    return folder / "out"


def image(made: Path, label: str, end: str) -> np.ndarray:
    (path,) = made.glob(f"sub-{label}/*/*{end}.nii.gz")
    return np.asarray(nib.load(path).get_fdata(dtype=np.float32))


@pytest.mark.slow
@pytest.mark.parametrize("label", ["shuffled", "stack"])
def test_the_order_of_echoes_and_of_volumes_does_not_matter(made: Path, label: str) -> None:
    for end in ("desc-total_fieldmap", "desc-tkd_Chimap", "R2starmap"):
        np.testing.assert_array_equal(image(made, label, end), image(made, "three", end))


@pytest.mark.slow
@pytest.mark.parametrize("label", ["phases", "phasediff", "named", "hertz"])
def test_a_field_map_gives_the_field_of_its_two_echoes(made: Path, label: str) -> None:
    field, reference = (image(made, who, "desc-total_fieldmap") for who in (label, "two"))
    both = (field != 0) & (reference != 0)
    assert both.sum() > 0.98 * max((field != 0).sum(), (reference != 0).sum())
    # the scale is right to the step of Siemens's integers
    np.testing.assert_allclose(field[both], reference[both], atol=0.6 / 4096 / 2 / STEP)
    assert reference[both].std() > 5


@pytest.mark.slow
def test_a_bipolar_readout_of_two_echoes_leaves_no_trace(made: Path) -> None:
    chi, reference = (image(made, who, "desc-tkd_Chimap") for who in ("bipolar", "two"))
    field, plain = (image(made, who, "desc-total_fieldmap") for who in ("bipolar", "two"))
    both = (chi != 0) & (reference != 0)
    assert abs(field - plain)[both].max() > 20
    assert abs(chi - reference)[both].mean() < 0.01 * reference[both].std()


@pytest.mark.slow
def test_r2star_is_measured_where_both_magnitudes_are_there(made: Path) -> None:
    np.testing.assert_allclose(
        image(made, "phasediff", "R2starmap"), image(made, "two", "R2starmap"), atol=1e-3
    )
    for label in ("named", "hertz"):
        assert not list(made.glob(f"sub-{label}/anat/*R2starmap*"))


@pytest.mark.slow
def test_the_sidecar_says_that_it_was_a_difference(made: Path) -> None:
    (path,) = made.glob("sub-phasediff/anat/*_desc-tkd_Chimap.json")
    stages = json.loads(path.read_text())["Qsmbids"]["Stages"]
    assert "phase difference between echoes at 2 and 6 ms" in stages[0]["Method"]


@pytest.mark.slow
def test_the_outputs_are_valid(made: Path) -> None:
    validator = Path(sys.executable).with_name("bids-validator-deno")
    if not validator.is_file():
        pytest.skip("bids-validator-deno is not installed")
    command = [str(validator), str(made), "--format", "json", "--ignoreWarnings"]
    told = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)
    assert told["issues"]["issues"] == []


# the noise of a difference


def estimate(folder: Path, magnitude: list[Path], phase: list[Path], difference: bool) -> Any:
    """Read a series and estimate its field."""
    folder.mkdir()
    times = list(TIMES[:2])
    read = LoadSeries(
        key="sub-01",
        magnitude=[str(path) for path in magnitude],
        phase=[str(path) for path in phase],
        phase_units="rad",
        echo_times=times,
        difference=difference,
    ).run(cwd=str(folder))
    mask = arrays.save(folder, "mask", arrays.load(read.outputs.magnitude)[0] > 30)
    stage = FieldMap(
        key="sub-01",
        magnitude=read.outputs.magnitude,
        phase=read.outputs.phase,
        grid=read.outputs.grid,
        mask=mask,
        echo_times=times,
        difference=difference,
        field_strength=phantom.B0,
        fit="linear",
        unwrapping="best-path",
        sign="positive",
    )
    return stage.run(cwd=str(folder)).outputs


def test_weight_of_a_difference_is_that_of_its_two_echoes(tmp_path: Path) -> None:
    magnitude, phase = phantom.signal(TIMES)
    magnitude[1] *= np.linspace(0.2, 1, phantom.SHAPE[0])[:, None, None]  # unlike the first
    files = {}
    for name, data in (
        *((f"mag{echo}", magnitude[echo]) for echo in (0, 1)),
        *((f"phase{echo}", phase[echo]) for echo in (0, 1)),
        ("difference", wrapped(phase[1] - phase[0])),
    ):
        files[name] = tmp_path / f"{name}.nii.gz"
        phantom.write(files[name], data)
    pair = [files["mag0"], files["mag1"]]
    echoes = estimate(tmp_path / "a", pair, [files["phase0"], files["phase1"]], False)
    difference = estimate(tmp_path / "b", pair, [files["difference"]], True)
    weights = [arrays.load(one.weight) for one in (echoes, difference)]
    both = (weights[0] > 0) & (weights[1] > 0)
    assert both.sum() > 0.9 * (weights[0] > 0).sum()
    np.testing.assert_allclose(weights[1][both], weights[0][both], rtol=1e-3)
    one = estimate(tmp_path / "c", pair[:1], [files["difference"]], True)
    assert abs(arrays.load(one.weight)[both] - weights[0][both]).max() > 0.2


def test_a_difference_that_is_noise_is_not_trusted(tmp_path: Path) -> None:
    magnitude, phase = phantom.signal(TIMES)
    difference = wrapped(phase[1] - phase[0])
    block = (slice(14, 26), slice(15, 27), slice(14, 25))
    shape = difference[block].shape
    difference[block] = np.random.default_rng(0).uniform(-np.pi, np.pi, shape)
    paths = [tmp_path / f"{name}.nii.gz" for name in ("magnitude", "difference")]
    for path, data in zip(paths, (magnitude[0], difference), strict=True):
        phantom.write(path, data)
    made = estimate(tmp_path / "a", paths[:1], paths[1:], True)
    reliable = arrays.load(made.reliable)
    assert reliable[block].mean() < 0.1
    assert reliable.sum() > 8000


# field maps of a scanner


def test_a_scanners_field_map_is_turned_and_trusted_by_its_magnitude(tmp_path: Path) -> None:
    magnitude, _ = phantom.signal(TIMES)
    field = np.random.default_rng(0).normal(size=phantom.SHAPE).astype(np.float32)
    path, image_path = tmp_path / "sub-01_fieldmap.nii.gz", tmp_path / "sub-01_magnitude.nii.gz"
    phantom.write(path, field)
    phantom.write(image_path, magnitude[0])
    common: dict[str, Any] = {
        "key": "sub-01",
        "field": str(path),
        "field_strength": 3.0,
        "kind": "total-field",
        "magnitude": [str(image_path)],
    }
    hertz = LoadField(field_units="Hz", **common).run(cwd=str(tmp_path)).outputs
    turned = LoadField(field_units="rad/s", from_scanner=True, sign="negative", **common)
    turned = turned.run(cwd=str(tmp_path)).outputs
    np.testing.assert_allclose(
        arrays.load(turned.field) * -2 * np.pi, arrays.load(hertz.field), rtol=1e-4
    )
    assert np.ptp(arrays.load(hertz.weight)) == 0
    weight = arrays.load(turned.weight)
    head = magnitude[0] > 30
    assert weight[head].min() > 0.8
    assert weight[~head].max() < 0.2


def test_a_wrapped_field_map_without_its_echo_times_is_refused(tmp_path: Path) -> None:
    ramp = np.linspace(-300, 300, phantom.SHAPE[0])[:, None, None] * np.ones(phantom.SHAPE)
    field = (wrapped(2 * np.pi * ramp * 0.0023) / 2 / np.pi / 0.0023).astype(np.float32)
    end = np.abs(field).max()
    field[0, 0, :2] = -end, end  # a real map reaches its ends
    path = tmp_path / "sub-01_fieldmap.nii.gz"
    phantom.write(path, field)
    stage = LoadField(
        key="sub-01",
        field=str(path),
        field_units="Hz",
        field_strength=3.0,
        kind="total-field",
        from_scanner=True,
    )
    with pytest.raises(InputError, match=r"sub-01_fieldmap.nii.gz is wrapped: .* EchoTime1"):
        stage.run(cwd=str(tmp_path))
