"""Networks trained on the one subject: patches, the two methods, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from volumes import smooth_tissue

from qsmbids.inversion import METHODS
from qsmbids.physics import Problem

torch = pytest.importorskip("torch")

from qsmbids.inference.fine_tuning import hold_out  # noqa: E402
from qsmbids.inference.fit_options import FitOptions  # noqa: E402
from qsmbids.inference.patch_training import (  # noqa: E402
    PatchOptions,
    random_patches,
    train_on_patches,
)
from qsmbids.inference.predictor import Predictor  # noqa: E402
from qsmbids.inference.single_subject import fit_from_scratch  # noqa: E402
from qsmbids.networks.base import prepare  # noqa: E402
from qsmbids.networks.direct import DeepImagePrior, DirectNet  # noqa: E402
from qsmbids.networks.unet import UNet  # noqa: E402

GEOMETRY = {"voxel_size": (1.0, 1.0, 1.6), "b0_dir": (0.1, 0.3, 0.95)}
zero_shot, deep_image_prior = (METHODS[name].load() for name in ("zs-uqsm+", "dip"))
QUICK = {
    zero_shot: {"filters": 2, "patch_iterations": 3, "patch_size": 16, "iterations": 2},
    deep_image_prior: {"filters": 2, "iterations": 3},
}


def head(shape=(28, 32, 20)):
    """Return chi, a noisy field and the mask of smooth random tissue."""
    return smooth_tissue(shape, **GEOMETRY, noise=0.002)


@pytest.mark.parametrize("method", QUICK)
def test_same_seed_same_map_and_torch_keeps_its_own_generator(method):
    _, field, mask = head()
    weight = 3 * mask.astype(np.float32)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, second, other = (
        method(Problem(field, mask, **GEOMETRY, weight=weight), seed=seed, **QUICK[method]).chi
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)
    assert not np.array_equal(first, other)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert not first[~mask].any()


def test_scale_of_the_weight_does_not_matter_and_its_holes_do():
    _, field, mask = head()
    weight = mask.astype(np.float32)
    holed = weight.copy()
    holed[8:20] = 0
    maps = [
        deep_image_prior(Problem(field, mask, **GEOMETRY, weight=w), **QUICK[deep_image_prior]).chi
        for w in (weight, 8 * weight, holed)
    ]
    np.testing.assert_array_equal(maps[0], maps[1])
    assert not np.array_equal(maps[0], maps[2])


@pytest.mark.parametrize("kind", ["ellipsoid", "sphere", "cuboid", "cylinder", "none"])
def test_each_perturbation_trains_another_network(kind):
    _, field, mask = head()
    options = {**QUICK[zero_shot], "learning_rate": 1e-9}
    problem = Problem(field, mask, **GEOMETRY)
    found = zero_shot(problem, perturbation=kind, **options).chi
    plain = zero_shot(problem, **{**options, "patch_iterations": 0}).chi
    assert np.isfinite(found).all()
    assert not np.allclose(found, plain, atol=1e-6)


def test_patches_lie_half_inside_the_mask_and_are_cut_alike():
    mask = torch.zeros(1, 1, 40, 40, 12)
    mask[:, :, :20, :22] = 1
    places = torch.arange(mask.numel(), dtype=torch.float32).reshape(mask.shape)
    rng = np.random.default_rng(0)
    cut_mask, cut_places = random_patches(rng, [mask, places], (16, 16, 12), 30)
    assert cut_mask.shape == (30, 1, 16, 16, 12)
    assert cut_mask.mean((1, 2, 3, 4)).min() >= 0.5
    assert torch.equal(mask.flatten()[cut_places.long()], cut_mask)
    assert len(cut_places[:, 0, 0, 0, 0].unique()) > 10


def test_patch_training_lowers_the_field_error():
    _, field, mask = head()
    torch.manual_seed(0)
    predictor = Predictor(DirectNet(base=4, levels=3), Problem(field, mask, **GEOMETRY))
    options = PatchOptions(60, 16, tv=0.0, learning_rate=5e-3, perturbation=None)

    def residual():
        with torch.no_grad():
            misfit = (predictor.dipole(predictor()) - predictor.field) * predictor.mask
        return float(misfit.norm() / predictor.field.norm())

    before = residual()
    train_on_patches(predictor, options, held_out=0.05)
    assert residual() < 0.8 * min(before, 1.0)


def test_held_out_voxels_reach_neither_stage():
    _, field, mask = head()
    options = FitOptions(iterations=3, learning_rate=1e-3, held_out=0.1, seed=5)
    patches = PatchOptions(2, 16, perturbation=None, seed=5)

    def losses(values):
        net = lambda: DirectNet(base=2, levels=3)  # noqa: E731
        return fit_from_scratch(
            net, Problem(values, mask, **GEOMETRY, device="cpu"), options, patches
        ).loss

    predictor = Predictor(DirectNet(base=2, levels=3), Problem(field, mask, **GEOMETRY))
    hidden = hold_out(predictor, 0.1, 5)[1][0, 0].numpy() > 0
    assert losses(np.where(hidden, field + 1, field)) == losses(field)
    assert losses(np.where(mask & ~hidden, field + 1, field)) != losses(field)


def test_deep_image_prior_sees_noise_and_no_field():
    _, field, mask = head()
    torch.manual_seed(0)
    net = DeepImagePrior(mask.shape, base=2, levels=3)
    predictor = Predictor(net, Problem(field, mask, **GEOMETRY))
    with torch.no_grad():
        found = predictor()
        predictor.field *= 2
        assert torch.equal(predictor(), found)
    assert found.abs().max() > 0


@pytest.mark.parametrize("method", QUICK)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"filters": 0}, "at least one filter"),
        ({"iterations": 0}, "positive iterations"),
        ({"held_out": 0.7}, "held-out share"),
        ({"total_variation": -1}, "not be negative"),
        ({"consistency": -1}, "not be negative"),
    ],
)
def test_options_out_of_range_are_refused(method, change, message):
    _, field, mask = head()
    with pytest.raises(ValueError, match=message):
        method(Problem(field, mask, **GEOMETRY), **{**QUICK[method], **change})


@pytest.mark.parametrize("method", QUICK)
def test_unusable_input_is_refused(method):
    _, field, mask = head()
    spoiled = np.where(mask, np.float32(np.nan), field)
    with pytest.raises(ValueError, match="NaN"):
        method(Problem(spoiled, mask, **GEOMETRY))
    thin = mask & (np.arange(mask.shape[0]) < 6)[:, None, None]
    with pytest.raises(ValueError, match="spans only 3 x"):
        method(Problem(field, thin, **GEOMETRY))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"perturbation": "torus"}, "'torus' is none of ellipsoid"),
        ({"patch_size": 8}, "at least 16 voxels"),
        ({"batch": 0}, "batch of at least 1"),
        ({"strength": 0.0}, "positive learning rate and strength"),
    ],
)
def test_patch_options_out_of_range_are_refused(change, message):
    _, field, mask = head()
    with pytest.raises(ValueError, match=message):
        zero_shot(Problem(field, mask, **GEOMETRY), **{**QUICK[zero_shot], **change})


def test_unknown_source_is_refused():
    _, field, mask = head()
    with pytest.raises(ValueError, match="'field' or 'noise', not 'chi'"):
        deep_image_prior(Problem(field, mask, **GEOMETRY), source="chi")


@pytest.mark.parametrize("edge", [16, 32, 48])
def test_bfloat16_keeps_the_gradients_of_small_volumes(edge):
    torch.manual_seed(0)
    unet = UNet(base=4)
    image = torch.randn(1, 2, edge, 48, 48)

    def gradient(use_bfloat16):
        prepare(unet, use_bfloat16)
        unet.zero_grad()
        unet(image).square().mean().backward()
        return [b.conv.weight.grad.clone() for b in (*unet.encoder, *unet.decoder)]

    for exact, rounded in zip(gradient(False), gradient(True), strict=True):
        assert (rounded - exact).norm() < 0.3 * exact.norm()
