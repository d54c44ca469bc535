"""The uncertainty map: what it promises by construction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from training_tiny import SMALL, inversion_weights
from volumes import smooth_tissue

from qsmbids.errors import InputError
from qsmbids.physics import Problem

torch = pytest.importorskip("torch")

from qsmbids.inference.predict_uncertainty import (  # noqa: E402
    RANGE,
    neighbours_range,
    predict_uncertainty,
)
from qsmbids.inversion import DEFAULT, reconstruct  # noqa: E402
from qsmbids.inversion.network import network  # noqa: E402
from qsmbids.inversion.network_tv import network_tv  # noqa: E402
from qsmbids.inversion.refinement import RefineOptions  # noqa: E402
from qsmbids.networks import weights_file as files  # noqa: E402
from qsmbids.networks.uncertainty_net import UncertaintyNet  # noqa: E402
from qsmbids.networks.weights import save_weights  # noqa: E402
from qsmbids.networks.weights_file import bundled  # noqa: E402
from qsmbids.physics.torch_dipole import Dipole  # noqa: E402
from qsmbids.simulation import HeadRecipe, simulate_head  # noqa: E402
from qsmbids.workflows.weights import digests  # noqa: E402

SHAPE = (33, 28, 30)
FEW = RefineOptions(iterations=3)


def head(voxel_size=(1, 1, 1), b0_dir=(0, 0, 1)):
    return smooth_tissue(SHAPE, voxel_size, b0_dir)


def saved(model, path):
    """Save a network whose last layer is not near zero, so that its input matters."""
    torch.nn.init.normal_(model.unet.last.weight)
    return str(save_weights(model, path))


@pytest.fixture
def spread(tmp_path):
    torch.manual_seed(0)
    return saved(UncertaintyNet(**SMALL), tmp_path / "spread.safetensors")


@pytest.fixture
def inversions(tmp_path):
    return inversion_weights(tmp_path)


@pytest.mark.parametrize(
    ("voxel", "b0"), [((1, 1, 1), (0, 0, 1)), ((1, 1, 3), (0, 0, 1)), ((1, 1, 1), (0.4, 0.2, 0.8))]
)
def test_sigma_is_positive_inside_and_zero_outside(spread, voxel, b0):
    chi, field, mask = head(voxel, b0)
    sigma = predict_uncertainty(chi, Problem(field, mask, voxel, b0), weights=spread)
    assert sigma.shape == mask.shape
    assert sigma.dtype == np.float32
    assert np.isfinite(sigma).all()
    assert (sigma[mask] > 0).all()
    assert not sigma[~mask].any()


def test_sigma_is_no_less_than_a_share_of_what_the_map_changes_by_around_a_voxel(spread):
    chi, field, mask = head()
    chi[tuple(n // 2 for n in SHAPE)] += 1  # a thin vein
    sigma = predict_uncertainty(chi, Problem(field, mask, (1, 1, 1)), weights=spread)
    beside = sigma[tuple(n // 2 - 1 for n in SHAPE)]
    assert beside > RANGE * 0.49


def test_the_range_counts_the_neighbours_in_the_mask_alone():
    chi = np.zeros((6, 5, 5), np.float32)
    chi[:2], chi[4:] = 0.3, 9
    mask = np.ones(chi.shape, bool)
    mask[4:] = False
    found = neighbours_range(chi, mask)
    np.testing.assert_allclose(found[:, 2, 2], [0, 0.15, 0.15, 0, 0, 0])


def test_sigma_scales_with_the_field_and_ignores_the_mean_of_the_map(spread):
    chi, field, mask = head()
    once = predict_uncertainty(chi, Problem(field, mask, (1, 1, 1)), weights=spread)
    strong = Problem(3 * field, mask, (1, 1, 1))
    thrice = predict_uncertainty(3 * chi + 0.2, strong, weights=spread)
    # to what bfloat16 keeps of the rounding of the inputs
    np.testing.assert_allclose(thrice, 3 * once, rtol=0.03)


def test_sigma_depends_on_the_map_and_on_what_it_leaves_of_the_field():
    torch.manual_seed(0)
    chi, field, mask = (torch.from_numpy(np.float32(i))[None, None] for i in head())
    model, dipole = UncertaintyNet(**SMALL).eval(), Dipole.on(SHAPE, (1, 1, 1))
    torch.nn.init.normal_(model.unet.last.weight)
    tilted = Dipole.on(SHAPE, (1, 1, 1), (1, 0, 0))  # the same images, another residual
    with torch.no_grad():
        sigma = model(chi, field, mask, dipole)
        assert not torch.allclose(model(0.5 * chi, field, mask, dipole), sigma)
        assert not torch.allclose(model(chi, field, mask, tilted), sigma)


def test_tiles_equal_the_whole_volume(spread):
    rng = np.random.default_rng(0)
    shape = (90, 40, 40)
    chi, field = (rng.normal(0, 0.05, shape).astype(np.float32) for _ in range(2))
    problem = Problem(field, np.ones(shape, bool), (1, 1, 1))
    whole, tiled = (
        predict_uncertainty(chi, problem, weights=spread, memory_gb=gb) for gb in (3.0, 0.002)
    )
    np.testing.assert_allclose(tiled, whole, rtol=0.05)


def test_wrong_weights_and_shapes_are_refused(spread, inversions):
    chi, field, mask = head()
    problem = Problem(field, mask, (1, 1, 1))
    with pytest.raises(InputError, match="another purpose; give weights of: spread"):
        predict_uncertainty(chi, problem, weights=inversions[0])
    with pytest.raises(InputError, match="'spread'"):
        network(problem, weights=spread)
    with pytest.raises(ValueError, match="one shape"):
        predict_uncertainty(chi[1:], problem, weights=spread)


def test_the_default_method_gives_an_uncertainty_unless_it_is_unwanted(
    spread, inversions, monkeypatch
):
    _, field, mask = head()
    monkeypatch.setattr(files, "bundled", lambda *_: {"uncertainty": Path(spread)})
    problem, weights = Problem(field, mask, (1, 1, 1)), inversions[1]
    found = network_tv(problem, weights=weights, how=FEW, share=0)
    assert (found.uncertainty[mask] > 0).all()
    assert not found.uncertainty[~mask].any()
    assert found.details["UncertaintyWeights"]["SHA256"] == files.digest(Path(spread))
    assert found.details["Weights"]["SHA256"] == files.digest(Path(inversions[1]))
    # it is that of the refined map, not of the network's
    again = predict_uncertainty(found.chi, problem, weights=spread)
    np.testing.assert_allclose(found.uncertainty, again, atol=1e-4)
    without = network_tv(problem, weights=weights, how=FEW, share=0, uncertainty=False)
    assert without.uncertainty is None
    assert "UncertaintyWeights" not in without.details
    np.testing.assert_array_equal(without.chi, found.chi)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_run_knows_which_uncertainty_the_default_method_reads(
    spread, inversions, monkeypatch, wanted
):
    direct, consistent = map(Path, inversions)
    shipped = {"uncertainty": Path(spread), "dcnet": consistent, "qsminvnet+": direct}
    monkeypatch.setattr(files, "bundled", lambda *_: shipped)
    read = digests([DEFAULT], {} if wanted else {DEFAULT: {"uncertainty": False}})[DEFAULT]
    expected = {"weights": files.digest(consistent), "second": files.digest(direct)}
    assert read == expected | ({"uncertainty": files.digest(Path(spread))} if wanted else {})


def test_the_network_does_not_estimate_one_of_its_own_map(spread, inversions, monkeypatch):
    _, field, mask = head()
    asked = []
    monkeypatch.setattr(files, "bundled", lambda *_: {"uncertainty": Path(spread)})
    monkeypatch.setattr(
        "qsmbids.inference.predict_uncertainty.predict_uncertainty",
        lambda chi, *_, **__: asked.append(chi) or abs(chi),
    )
    found = network_tv(Problem(field, mask, (1, 1, 1)), weights=inversions[1], how=FEW, share=0)
    assert len(asked) == 1
    assert asked[0] is found.chi


@pytest.mark.slow
@pytest.mark.skipif("uncertainty" not in files.bundled(), reason="its weights are not shipped")
@pytest.mark.parametrize("name", [*bundled("inversion"), DEFAULT])
def test_one_sigma_holds_what_it_should_of_a_head_it_has_not_seen(name):
    made = simulate_head(
        HeadRecipe(shape=(82, 102, 102), voxel_size=(2.0, 2.0, 2.0), anatomy=4242, seed=4242)
    )
    mask, noise = made.brain_mask, np.random.default_rng(0).normal(0, 0.002, made.chi.shape)
    field = np.where(mask, made.local_field + noise, 0).astype(np.float32)
    geometry = {"voxel_size": made.voxel_size, "b0_dir": made.b0_dir}
    if name == DEFAULT:
        found = reconstruct(field, mask, **geometry)
    else:
        found = network(Problem(field, mask, **geometry), weights=name)
    error = np.abs(found.chi - made.chi_brain)[mask]
    # 68 % over all that it was trained on; this head's field has not been through a removal
    assert 0.60 < np.mean(error <= found.uncertainty[mask]) < 0.82


def test_a_quarter_of_the_field_gives_a_quarter_of_the_map(inversions):
    _, field, mask = head()
    field[16, 14, 15] += 0.2  # and what no susceptibility explains, so that both networks count
    second, first = inversions
    given = {"weights": first, "second": second, "how": FEW, "uncertainty": False}
    once = network_tv(Problem(field, mask, (1, 1, 1)), **given)
    assert "SecondNetwork" in once.details
    quarter = network_tv(Problem(field / 4, mask, (1, 1, 1)), **given)
    np.testing.assert_allclose(4 * quarter.chi, once.chi, atol=1e-4 * np.abs(once.chi).max())
