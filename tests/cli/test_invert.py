"""``qsmbids-invert``: one field to a map, and one sentence where that cannot be."""

from __future__ import annotations

import gzip
import json
import struct

import nibabel as nib
import numpy as np
import pytest

import qsmbids
from qsmbids.cli.command import finish
from qsmbids.cli.invert import main
from qsmbids.physics import forward_field, hz_per_ppm, radians_per_ppm

AFFINE = np.diag([1.0, 1.2, 1.5, 1.0])
SHAPE = (20, 22, 18)


def save(path, values, affine=AFFINE):
    nib.Nifti1Image(np.asarray(values, dtype=np.float32), affine).to_filename(path)
    return path


@pytest.fixture
def images(tmp_path):
    """Return the paths of a field in ppm and its mask."""
    where = np.stack(np.indices(SHAPE), axis=-1) - np.array(SHAPE) / 2
    mask = np.linalg.norm(where / (np.array(SHAPE) * 0.45), axis=-1) < 1
    chi = np.where(np.linalg.norm(where, axis=-1) < 4, 0.1, 0)
    field = forward_field(chi, (1.0, 1.2, 1.5))
    return save(tmp_path / "field.nii.gz", field), save(tmp_path / "mask.nii.gz", mask)


def run(capsys, *arguments):
    """Return the exit code and what stands on stderr."""
    code = main([str(argument) for argument in arguments])
    return code, capsys.readouterr().err


def test_writes_a_map_and_how_it_came_to_be(images, tmp_path, capsys):
    out = tmp_path / "chi.nii.gz"
    code, said = run(capsys, *images, "--out", out, "--method", "tkd", "--option", "threshold=0.2")
    assert (code, said) == (0, "")
    image = nib.load(out)
    np.testing.assert_allclose(image.affine, AFFINE)
    assert image.get_fdata()[10, 11, 9] > 0.05
    told = json.loads((tmp_path / "chi.json").read_text())
    assert told["Units"] == "ppm"
    assert told["Qsmbids"]["Parameters"] == {"threshold": 0.2}
    assert told["Qsmbids"]["B0Direction"] == [0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("factor", "arguments"),
    [
        (hz_per_ppm(3.0), ["--units", "Hz", "--field-strength", "3"]),
        (
            radians_per_ppm(3.0, 0.02),
            ["--units", "rad", "--field-strength", "3", "--echo-time", "0.02"],
        ),
    ],
)
def test_units_of_the_field_do_not_change_the_map(factor, arguments, images, tmp_path, capsys):
    field, mask = images
    scaled = save(tmp_path / "scaled.nii.gz", nib.load(field).get_fdata() * factor)
    maps = []
    for source, extra in ((field, []), (scaled, arguments)):
        out = tmp_path / "chi.nii.gz"
        assert run(capsys, source, mask, "--out", out, "--method", "tkd", *extra)[0] == 0
        maps.append(nib.load(out).get_fdata())
    np.testing.assert_allclose(*maps, atol=1e-6)


def test_a_sidecar_says_what_the_field_is_in(images, tmp_path, capsys):
    """A local field map of BIDS is in Hz: taken as ppm the map would be 128 times too large."""
    field, mask = images
    out, maps = tmp_path / "chi.nii.gz", []
    in_hertz = save(tmp_path / "hertz.nii.gz", nib.load(field).get_fdata() * hz_per_ppm(3.0))
    sidecar = tmp_path / "hertz.json"
    sidecar.write_text(json.dumps({"Units": "Hz", "MagneticFieldStrength": 3}))
    for source in (field, in_hertz):
        assert run(capsys, source, mask, "--out", out, "--method", "tkd") == (0, "")
        maps.append(nib.load(out).get_fdata())
    np.testing.assert_allclose(*maps, atol=1e-6)
    assert json.loads((tmp_path / "chi.json").read_text())["Qsmbids"]["FieldUnits"] == "Hz"
    code, said = run(capsys, in_hertz, mask, "--out", out, "--units", "ppm")
    assert code == 2
    assert "--units ppm, but the sidecar of hertz.nii.gz says Hz" in said
    sidecar.write_text(json.dumps({"Units": "Hz"}))
    code, said = run(capsys, in_hertz, mask, "--out", out)
    assert code == 2
    assert "in Hz needs --field-strength" in said
    sidecar.write_text(json.dumps({"Units": "arbitrary"}))
    code, said = run(capsys, in_hertz, mask, "--out", out)
    assert code == 1
    assert "Units is arbitrary" in said


def test_python_demands_the_units():
    chi, mask = np.zeros(SHAPE), np.ones(SHAPE)
    chi[8:12, 8:12, 8:12] = 0.1
    field = forward_field(chi, (1, 1, 1))
    given = {"voxel_size": (1, 1, 1), "method": "tkd"}
    with pytest.raises(TypeError, match="units"):
        qsmbids.invert(field, mask, **given)
    with pytest.raises(ValueError, match="needs field_strength"):
        qsmbids.invert(field, mask, units="Hz", **given)
    with pytest.raises(ValueError, match="one of ppm, Hz"):
        qsmbids.invert(field, mask, units="ppb", **given)
    in_ppm = qsmbids.invert(field, mask, units="ppm", **given)
    for units, factor in (("Hz", hz_per_ppm(3)), ("rad/s", 2 * np.pi * hz_per_ppm(3))):
        found = qsmbids.invert(field * factor, mask, units=units, field_strength=3, **given)
        np.testing.assert_allclose(found, in_ppm, atol=1e-6)


def test_a_field_far_too_large_for_ppm_is_refused(images, tmp_path, capsys):
    field, mask = images
    scaled = save(tmp_path / "hz.nii.gz", nib.load(field).get_fdata() * 3e4)
    code, said = run(capsys, scaled, mask, "--out", tmp_path / "chi.nii.gz", "--method", "tkd")
    assert code == 1
    assert "hz.nii.gz has a mean size of" in said
    assert "--units Hz" in said
    assert not (tmp_path / "chi.nii.gz").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--units", "Hz"], "in Hz needs --field-strength"),
        (["--units", "rad", "--field-strength", "3"], "in rad needs --echo-time"),
        (["--echo-time", "0.02"], "says nothing about a field in ppm"),
        (["--option", "nothing=1"], "has no option 'nothing'"),
        (["--threads", "0"], "at least 1"),
        (["--out", "chi.mgz"], "must end in .nii.gz"),
    ],
)
def test_a_command_that_makes_no_sense(arguments, message, images, tmp_path, capsys):
    code, said = run(capsys, *images, "--out", tmp_path / "chi.nii.gz", *arguments)
    assert code == 2
    assert message in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda field, mask: field.unlink(), "field.nii.gz"),
        (lambda field, mask: field.write_bytes(field.read_bytes()[:300]), "truncated"),
        (lambda field, mask: save(mask, np.ones((20, 22, 17))), "mask.nii.gz lies on another grid"),
        (lambda field, mask: save(mask, np.zeros(SHAPE)), "mask is empty"),
        (lambda field, mask: save(field, np.full(SHAPE, np.nan)), "NaN"),
        (lambda field, mask: save(field, np.zeros(SHAPE)), "zero everywhere"),
        (lambda field, mask: save(field, np.ones((20, 22))), "three-dimensional"),
    ],
    ids=["missing", "truncated", "other grid", "empty mask", "NaN", "zero", "2D"],
)
def test_bad_input_gets_one_sentence(spoil, message, images, tmp_path, capsys):
    spoil(*images)
    code, said = run(capsys, *images, "--out", tmp_path / "chi.nii.gz", "--method", "tkd")
    assert code == 1
    assert message in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "chi.nii.gz").exists()


def test_a_field_of_exactly_zero_counts_as_not_measured(images, tmp_path, capsys):
    field, mask = images
    values = nib.load(field).get_fdata()
    values[:8] = 0
    holes = save(tmp_path / "holes.nii.gz", values)
    weight = save(tmp_path / "weight.nii.gz", values != 0)
    trusted = save(tmp_path / "trusted.nii.gz", np.ones(SHAPE))
    maps = []
    for extra in ([], ["--weight", weight], ["--weight", trusted]):
        out = tmp_path / "chi.nii.gz"
        assert run(capsys, holes, mask, "--out", out, "--method", "tv", *extra)[0] == 0
        maps.append(nib.load(out).get_fdata())
    np.testing.assert_array_equal(maps[0], maps[1])
    assert abs(maps[0] - maps[2]).max() > 1e-3


def test_params_come_instead_of_the_affine(images, tmp_path, capsys):
    field, mask = images
    params = tmp_path / "params.json"
    params.write_text(json.dumps({"voxel_size": [1, 1, 2], "B0_dir": [-1e-17, 1, 0]}))
    out = tmp_path / "chi.nii.gz"
    assert run(capsys, field, mask, "--out", out, "--method", "tkd", "--params", params) == (0, "")
    told = json.loads((tmp_path / "chi.json").read_text())["Qsmbids"]
    assert told["VoxelSize"] == [1, 1, 2]
    assert told["B0Direction"] == [-1e-17, 1, 0]


@pytest.mark.parametrize(
    ("offset", "kind", "value"), [(108, "<f", float("inf")), (70, "<h", 9999), (40, "<h", -3)]
)
def test_a_forged_header_is_one_sentence(images, tmp_path, capsys, offset, kind, value):
    field, mask = images
    content = bytearray(gzip.decompress(field.read_bytes()))
    struct.pack_into(kind, content, offset, value)
    field.write_bytes(gzip.compress(bytes(content)))
    code, said = run(capsys, field, mask, "--out", tmp_path / "chi.nii.gz")
    assert code == 1
    assert said.splitlines()[-1].startswith("qsmbids-invert: field.nii.gz ")
    assert "Traceback" not in said


def test_what_nobody_foresaw_is_one_sentence_too(capsys):
    def work():
        raise OverflowError("too large\nfor anything")

    assert finish("qsmbids-invert", work, verbose=False) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert "an unforeseen OverflowError: too large for anything" in said
