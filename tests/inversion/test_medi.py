"""MEDI: edges of the magnitude, streaks, outliers."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest
from bids_tree import settings_for, write_image
from hypothesis import given, settings
from hypothesis import strategies as st
from volumes import invert

from qsmbids.bids import Series
from qsmbids.cli.invert import main
from qsmbids.evaluation import evaluate
from qsmbids.interfaces.arrays import load, save
from qsmbids.interfaces.susceptibility import Inversion
from qsmbids.inversion.medi import _Smoothness
from qsmbids.physics import DipoleConvolution, forward_field
from qsmbids.physics.solve import spectral_inner
from qsmbids.workflows.series import init_series_wf

VOXEL = (1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def blocks():
    """Return chi, its noisy field, the mask and a magnitude that shows chi's edges and others."""
    rng = np.random.default_rng(0)
    shape = (40, 42, 38)
    where = np.stack(np.indices(shape), -1) - np.array(shape) / 2
    mask = (where**2).sum(-1) < 17**2
    chi, magnitude = np.zeros(shape, np.float32), np.full(shape, 100, np.float32)
    for _ in range(12):
        box = tuple(slice(c, c + 6) for c in rng.integers(8, 28, 3))
        chi[box], magnitude[box] = rng.uniform(-0.1, 0.15), rng.uniform(30, 200)
    magnitude[:, 20:24] *= 2  # in the magnitude alone
    chi[~mask] = 0
    field = forward_field(chi, VOXEL) + rng.normal(0, 0.004, shape).astype(np.float32)
    return chi, field, mask, magnitude


def score(found, chi, mask, name="nrmse"):
    return evaluate(found, chi, mask)[name]


def test_suppresses_the_streaks_of_tkd(blocks):
    chi, field, mask, magnitude = blocks
    away = mask & (chi == 0)
    tkd, medi = (
        invert(field, mask, voxel_size=VOXEL, method=m, magnitude=magnitude)[away].std()
        for m in ("tkd", "medi")
    )
    assert medi < 0.3 * tkd


def test_edges_of_the_magnitude_sharpen_the_map(blocks):
    chi, field, mask, magnitude = blocks
    without = invert(field, mask, voxel_size=VOXEL, method="medi")
    with_edges = invert(
        field, mask, voxel_size=VOXEL, method="medi", magnitude=magnitude, edges=0.1
    )
    assert score(with_edges, chi, mask) < 0.9 * score(without, chi, mask)
    assert score(with_edges, chi, mask, "hfen") < 0.8 * score(without, chi, mask, "hfen")


def test_wrong_edges_cost_little(blocks):
    chi, field, mask, magnitude = blocks
    options = {"voxel_size": VOXEL, "method": "medi", "edges": 0.1}
    without = invert(field, mask, **options)
    wrong = invert(field, mask, magnitude=magnitude[::-1, ::-1, ::-1], **options)
    assert score(wrong, chi, mask) < 1.3 * score(without, chi, mask)


def test_scale_of_the_magnitude_and_its_outside_do_not_matter(blocks):
    _, field, mask, magnitude = blocks
    options = {"voxel_size": VOXEL, "method": "medi", "iterations": 2}
    spoiled = np.where(mask, 8 * magnitude, np.nan)
    a, b = (invert(field, mask, magnitude=image, **options) for image in (magnitude, spoiled))
    np.testing.assert_array_equal(a, b)


def test_error_reduction_shuts_out_wrong_voxels(blocks):
    chi, field, mask, magnitude = blocks
    spoiled = field.copy()
    spoiled[18:20, 18:20, 24:26] += 0.4
    options = {"voxel_size": VOXEL, "method": "medi", "magnitude": magnitude}
    with_it, without = (
        invert(spoiled, mask, error_reduction=on, phase_scale=4, **options) for on in (True, False)
    )
    assert score(with_it, chi, mask) < 0.9 * score(without, chi, mask)


@pytest.mark.parametrize("method", ["tkd", "tikhonov", "ndi", "tv", "medi"])
def test_only_medi_looks_at_the_magnitude(method, blocks):
    _, field, mask, magnitude = blocks
    a, b = (
        invert(field, mask, voxel_size=VOXEL, method=method, magnitude=image)
        for image in (None, magnitude)
    )
    assert np.array_equal(a, b) == (method != "medi")


def test_the_app_hands_on_the_root_sum_of_squares(blocks, tmp_path, monkeypatch):
    _, field, mask, magnitude = blocks
    monkeypatch.chdir(tmp_path)
    arrays = {"field": field, "mask": mask, "magnitude": np.stack([magnitude, 2 * magnitude[::-1]])}
    grid = {"voxel_size": VOXEL, "b0_dir": (0.0, 0.0, 1.0)}
    stage = Inversion(
        **{name: save(tmp_path, name, array) for name, array in arrays.items()},
        key="sub-01",
        grid=grid,
        method="medi",
        options={"iterations": 2},
    )
    found = load(stage.run().outputs.chi)
    combined = np.sqrt((arrays["magnitude"] ** 2).sum(0))
    expected = invert(field, mask, magnitude=combined, method="medi", iterations=2, **grid)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("start", "files", "linked"),
    [("raw", 2, True), ("local-field", 1, True), ("total-field", 0, False)],
)
def test_the_workflow_connects_the_magnitude_where_there_is_one(start, files, linked, tmp_path):
    images = tuple(write_image(tmp_path / f"{n}.nii.gz") for n in range(5))
    phase = images[2 : 2 + files] if start == "raw" else ()
    series = Series(
        "01",
        None,
        {"sub": "01"},
        start,
        images[:files],
        phase,
        field=images[4],
        echo_times=(0.004, 0.008)[:files],
        field_strength=3.0,
        field_units="ppm",
    )
    workflow = init_series_wf(series, settings_for(tmp_path, methods=("medi",)), voxels=210)
    stages = workflow.get_node("stages")
    node = stages.get_node("inversion_medi")
    sources = dict(
        pair for e in stages._graph.in_edges(node, data=True) for pair in e[2]["connect"]
    )
    assert ("magnitude" in sources.values()) == linked


@pytest.mark.parametrize("method", ["medi", "tv"])
def test_the_command_takes_the_magnitude_for_the_weight_and_for_edges(
    method, blocks, tmp_path, capsys
):
    _, *images = blocks
    names = [tmp_path / f"{name}.nii.gz" for name in ("field", "mask", "magnitude", "weight")]
    for name, image in zip(names, [*images, images[1]], strict=True):
        nib.save(nib.Nifti1Image(np.asarray(image, np.float32), np.eye(4)), name)
    field, mask, magnitude, weight = map(str, names)
    out = tmp_path / "chi.nii.gz"
    arguments = [field, mask, "--magnitude", magnitude, "--method", method, "--out", str(out)]
    assert main(arguments) == 0
    edges = {"magnitude": images[2]} if method == "medi" else {}
    options = {"voxel_size": VOXEL, "method": method, **edges}
    made = nib.load(out).get_fdata()
    trust = np.where(images[0] != 0, images[2], 0)
    np.testing.assert_allclose(made, invert(*images[:2], weight=trust, **options), atol=1e-4)
    assert abs(made - invert(*images[:2], **options)).max() > 1e-3
    told = json.loads(out.with_name("chi.json").read_text())
    assert magnitude in told["Sources"]
    assert told["Qsmbids"]["Weight"] == "magnitude over its maximum in the mask"
    assert main([*arguments, "--weight", weight]) == (0 if method == "medi" else 2)
    assert ("--magnitude" in capsys.readouterr().err) == (method == "tv")


@pytest.mark.parametrize(
    ("magnitude", "message"),
    [(np.ones((6, 6, 5)), "magnitude's shape"), (np.full((6, 6, 6), np.nan), "magnitude holds")],
)
def test_refuses_a_magnitude(magnitude, message):
    field = np.random.default_rng(0).normal(size=(6, 6, 6))
    with pytest.raises(ValueError, match=message):
        invert(field, np.ones((6, 6, 6)), voxel_size=VOXEL, method="medi", magnitude=magnitude)


@pytest.mark.parametrize("image", [np.zeros((12, 12, 12)), np.ones((12, 12, 12))])
def test_magnitude_without_contrast_is_as_none(image):
    field = np.random.default_rng(0).normal(0, 0.01, (12, 12, 12))
    options = {"voxel_size": VOXEL, "method": "medi"}
    a, b = (invert(field, np.ones_like(field), magnitude=m, **options) for m in (None, image))
    np.testing.assert_array_equal(a, b)


def test_constant_field_and_single_voxel_stay_finite():
    field = np.full((12, 12, 12), 0.1)
    assert np.isfinite(invert(field, field, voxel_size=VOXEL, method="medi")).all()
    mask = np.zeros_like(field)
    mask[6, 6, 6] = 1
    assert np.isfinite(invert(field, mask, voxel_size=VOXEL, method="medi", magnitude=field)).all()


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(5, 8))
def test_the_penaltys_curvature_is_symmetric_in_half_spectra(seed, size):
    rng = np.random.default_rng(seed)
    dipole = DipoleConvolution((6, 5, size), (1, 1.2, 2), margin=0)
    a, b, chi, magnitude = rng.normal(size=(4, *dipole.padded)).astype(np.float32)
    smooth = _Smoothness(dipole, np.float32(0.1), np.float32(0.3))
    smooth.spare(magnitude, np.ones(dipole.padded, bool), 0.3)
    smooth.update(chi)
    n = dipole.padded[-1]
    x, y = dipole.transform(a), dipole.transform(b)
    assert spectral_inner(x, y, n) == pytest.approx(np.vdot(a, b) * a.size, abs=0.05)
    assert spectral_inner(x, smooth(y), n) == pytest.approx(
        spectral_inner(smooth(x), y, n), rel=1e-3, abs=0.05
    )
    assert spectral_inner(x, smooth(x), n) > 0
