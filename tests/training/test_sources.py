"""Where samples come from: given maps, measured fields, shapes; how they are varied."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from training_tiny import add_subject, tiny

from qsmbids.errors import InputError
from qsmbids.inference.patches import random_window, without_rim
from qsmbids.networks.unet import DomainNorm
from qsmbids.physics import DipoleConvolution
from qsmbids.training.data.augmentation import reorient
from qsmbids.training.data.batches import dipole_of
from qsmbids.training.data.corruption import CLEAN, Corruption
from qsmbids.training.data.deformed_maps import Maps, Variation, displaced
from qsmbids.training.data.random_fields import SmoothNoise
from qsmbids.training.data.shapes import Shapes, random_shapes
from qsmbids.training.data.sources import Data, score_name
from qsmbids.training.data.subjects import Subjects
from qsmbids.training.engine.batches import Batches, validation_batches
from qsmbids.training.engine.callbacks import Validation
from qsmbids.training.engine.curves import Curves
from qsmbids.training.engine.models import build
from qsmbids.training.engine.trainer import Trainer

STILL = Variation(elastic=0.0, contrast=0.0, strong=0.0)


@pytest.fixture
def store(tmp_path):
    for number in range(3):
        add_subject(tmp_path, f"sub-{number}", seed=number)
    return tmp_path


def test_windows_are_at_least_half_inside_the_mask():
    mask = np.zeros((40, 40, 40), bool)
    mask[:20] = True
    rng = np.random.default_rng(0)
    shares = [mask[random_window(rng, mask, (16, 16, 16))].mean() for _ in range(20)]
    assert min(shares) >= 0.5
    assert random_window(rng, mask, (40, 40, 40)) == (slice(0, 40),) * 3


def test_the_rim_lies_along_cut_faces_only():
    window = (slice(0, 10), slice(5, 15), slice(10, 20))
    kept = without_rim(np.ones((10, 10, 10), np.float32), window, (20, 20, 20), 2)
    inside = np.zeros((10, 10, 10))
    inside[0:8, 2:8, 2:10] = 1
    np.testing.assert_array_equal(kept, inside)


@pytest.mark.parametrize("b0_dir", [(0.0, 0.0, 1.0), (0.1, 0.3, 0.9), (0.9, -0.2, 0.1)])
def test_reoriented_field_is_the_field_of_the_reoriented_map(b0_dir):
    rng = np.random.default_rng(3)
    chi = np.pad(rng.normal(0, 1, (7, 5, 6)), 4).astype(np.float32)
    field = DipoleConvolution(chi.shape, (1, 1.5, 2), b0_dir, 64)(chi)
    seen = set()
    for _ in range(12):
        (turned, its_field), size, b0 = reorient(
            rng, (chi, field), (1, 1.5, 2), b0_dir, ("flip", "flip-along", "turn")
        )
        again = DipoleConvolution(turned.shape, size, b0, 64)(turned)
        np.testing.assert_allclose(its_field, again, atol=2e-3 * np.abs(field).max())
        assert np.argmax(np.abs(b0)) == np.argmax(np.abs(b0_dir))
        seen.add(turned.tobytes())
    assert len(seen) > 4
    same, *_ = reorient(rng, (chi,), (1, 1, 1), b0_dir, ())
    np.testing.assert_array_equal(same[0], chi)


def test_an_unchanged_map_is_a_patch_of_it(store):
    subjects = Subjects(store)
    rng = np.random.default_rng(0)
    chi, mask = Maps(subjects, ["sub-1"], STILL)(rng, SmoothNoise(rng, (16, 16, 16)))
    whole = subjects.load("sub-1").chi
    windows = np.lib.stride_tricks.sliding_window_view(whole, (16, 16, 16))
    assert np.abs(windows - chi).max((3, 4, 5)).min() < 1e-6
    assert mask.mean() >= 0.5


@pytest.mark.parametrize("change", ["elastic", "contrast", "strong"])
def test_each_variation_changes_the_map(store, change):
    size = {"elastic": 2.0, "contrast": 0.3, "strong": 1.0}[change]

    def make(how):
        rng = np.random.default_rng(1)
        noise = SmoothNoise(rng, (16, 16, 16))
        return Maps(Subjects(store), ["sub-0"], how)(np.random.default_rng(2), noise)

    still, changed = make(STILL), make(replace(STILL, **{change: size}))
    assert np.abs(still[0] - changed[0]).max() > 0.02
    assert (still[1] != changed[1]).any() == (change == "elastic")
    assert (np.abs(changed[0]).max() > 0.35) == (change == "strong")


def test_the_deformation_folds_nothing():
    how = Variation()
    for seed in range(3):
        places = displaced(SmoothNoise(np.random.default_rng(seed), (48,) * 3), (0, 0, 0), how)
        jacobian = np.stack([np.stack(np.gradient(p)) for p in places])
        assert np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1))).min() > 0
        assert np.std(places - np.indices((48,) * 3)) == pytest.approx(how.elastic, rel=0.1)


def test_samples_of_maps_obey_the_dipole_equation(store):
    how = replace(CLEAN, noise=1e-9)
    recipe = tiny(sources={"maps": 1.0}, corruption=how, augmentation=("flip", "turn"))
    batch = Batches(recipe, Data(subjects=store))[0]
    field = dipole_of(batch)(batch["chi"]) * batch["mask"]
    torch.testing.assert_close(field, batch["field"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("augmentation", [(), ("flip", "flip-along", "turn")])
def test_measured_fields_come_with_their_own_geometry(tmp_path, augmentation):
    """With the whole volume in the patch, its true map leaves nothing of its field."""
    add_subject(tmp_path, "sub-0", shape=(18, 18, 18))
    subject = Subjects(tmp_path).load("sub-0")
    assert subject.mask.shape == (16, 16, 16)
    recipe = tiny("uqsm", sources={"fields": 1.0}, augmentation=augmentation)
    for number in range(3):
        batch = Batches(recipe, Data(subjects=tmp_path))[number]
        assert "chi" not in batch
        assert batch["voxel_size"].tolist() == [[1.0, 1.0, 2.0]] * 2
        assert batch["weight"].min() == 0
        if not augmentation:
            found = dipole_of(batch)(torch.from_numpy(subject.chi)[None, None]) * batch["mask"]
            torch.testing.assert_close(found, batch["field"], rtol=0, atol=1e-3)
        for field in batch["field"]:  # mirrored and turned, it holds the same values
            np.testing.assert_array_equal(np.sort(field.ravel()), np.sort(subject.field.ravel()))


def test_patches_of_fields_leave_a_rim_out_of_the_data_term(store):
    recipe = tiny("uqsm", sources={"fields": 1.0}, rim=3)
    for number in range(4):
        batch = Batches(recipe, Data(subjects=store))[number]
        assert (batch["mask"] > 0).float().mean() >= 0.4
        assert (batch["weight"] > 0).float().mean() < (batch["mask"] > 0).float().mean()


@pytest.mark.parametrize("name", ["uqsm", "uqsm+"])
def test_a_training_without_labels_runs_on_measured_fields(store, name):
    recipe = tiny(name, sources={"fields": 0.5, "shapes": 0.5}, input_noise=0.01)
    torch.manual_seed(0)
    loss = recipe.loss(build(recipe), Batches(recipe, Data(subjects=store))[1], 0.3)
    loss.backward()
    assert torch.isfinite(loss)


def test_the_second_domain_may_have_its_own_sources(store):
    plain = tiny("qsminvnet+")
    real = replace(plain, target_sources={"fields": 1.0})
    before, after = Batches(plain)[2], Batches(real, Data(subjects=store))[2]
    torch.testing.assert_close(before["chi"], after["chi"])
    assert not torch.equal(before["target_field"], after["target_field"])
    assert after["target_voxel_size"].tolist() == [[1.0, 1.0, 2.0]] * 2
    assert "target_chi" not in after
    assert torch.isfinite(real.loss(build(real), after, 0.5))


@pytest.mark.usefixtures("small_checks")
def test_validation_draws_both_domains(store):
    data = Data(subjects=store)
    plain = tiny("qsminvnet+", target=Corruption(noise=0.5))
    checks = validation_batches(plain, data)
    assert list(checks) == ["shapes", "target shapes"]
    source, target = (checks[name][0]["field"] for name in checks)
    assert target.std() > 2 * source.std()
    assert list(validation_batches(tiny("qsminvnet"), data)) == ["shapes"]
    real = replace(plain, target_sources={"fields": 1.0})
    checks = validation_batches(real, data)
    assert list(checks) == ["shapes", "target fields"]
    assert "chi" not in checks["target fields"][0]
    assert real.measure("target fields") == "field residual"
    assert score_name("x", "target fields", data.describe(real.all_sources, 16)) == "held-out x"


@pytest.mark.usefixtures("small_checks")
def test_each_domain_is_scored_with_its_own_statistics(tmp_path):
    trainer = Trainer(tiny("qsminvnet+"), tmp_path, log=lambda line: None)
    validation = Validation(Curves(), 10**9)
    validation.curves.on_start(trainer)
    validation.on_start(trainer)
    before = dict(trainer.scores)
    with torch.no_grad():
        for module in trainer.averaged.modules():
            if isinstance(module, DomainNorm):
                module.norms[1].weight.mul_(3)
    validation.validate(trainer)
    assert trainer.scores["shapes"] == before["shapes"]
    assert trainer.scores["target shapes"] != before["target shapes"]


def test_noise_on_the_input_is_kept_from_the_data_term(store):
    recipe = tiny("uqsm", sources={"fields": 1.0})
    data, noisy = Data(subjects=store), replace(recipe, input_noise=0.02)
    batch, other = Batches(recipe, data)[0], Batches(noisy, data)[0]
    assert torch.equal(batch["field"][0], other["field"][0])
    assert float(other["noise"].std()) == pytest.approx(0.02, rel=0.1)
    model = build(recipe)
    assert not torch.equal(recipe.loss(model, batch, 0), noisy.loss(model, other, 0))
    with torch.no_grad():  # a network that gives nothing leaves the field itself: no noise in it
        for parameter in model.parameters():
            parameter.zero_()
    other["field"] = batch["field"]
    other["weight"] = batch["weight"]
    other["mask"] = batch["mask"]
    torch.testing.assert_close(recipe.loss(model, batch, 0), noisy.loss(model, other, 0))


def test_held_out_subjects_are_kept_from_training(store):
    data = Data(subjects=store)
    assert data.names("fields", 16, held_out=False) == ("sub-0", "sub-1")
    assert data.names("fields", 16, held_out=True) == ("sub-2",)
    data = Data(subjects=store, held_out=("sub-0", "sub-2"))
    assert data.names("maps", 16, held_out=False) == ("sub-1",)
    assert data.names("maps", 16, held_out=True) == ("sub-0", "sub-2")


def test_data_that_do_not_do_are_refused(store, tmp_path):
    fields = tiny("uqsm", sources={"fields": 1.0})
    with pytest.raises(InputError, match="give the folder of their store"):
        Batches(fields)
    with pytest.raises(InputError, match="give their folder"):
        Batches(tiny(sources={"heads": 1.0}))
    with pytest.raises(InputError, match="no subject 'sub-9' to hold out; it has: sub-0, sub-1"):
        Batches(fields, Data(subjects=store, held_out=("sub-9",)))
    with pytest.raises(InputError, match="no subject to train on"):
        Batches(fields, Data(subjects=store, held_out=("sub-0", "sub-1", "sub-2")))
    with pytest.raises(InputError, match=r"sub-0.npz \(26 x 24 x 22 voxels\) fills less than half"):
        Batches(replace(fields, patches={64: 1.0}), Data(subjects=store))
    for name in ("sub-0", "sub-1"):
        add_subject(tmp_path / "plain", name, chi=False)
    with pytest.raises(InputError, match=r"no subject with susceptibility \(chi\)"):
        Batches(tiny(sources={"maps": 1.0}), Data(subjects=tmp_path / "plain"))


def test_shapes_can_be_too_small_and_masks_without_a_margin():
    def make(how):
        rng = np.random.default_rng(4)
        chi = random_shapes(rng, SmoothNoise(rng, (32,) * 3), how)
        return np.abs(chi - np.median(chi)) > 0.02

    assert make(Shapes(regions=False, largest=0.05)).mean() < 0.5 * make(Shapes()).mean()
    full = Batches(tiny(shapes=Shapes(margin=0)))[0]["mask"]
    inner = Batches(tiny(shapes=Shapes(margin=4)))[0]["mask"]
    assert full.all()
    assert inner[:, :, 4:12, 4:12, 4:12].all()
    assert float(inner.sum()) == 2 * 8**3


def test_no_noise_is_an_option():
    how = replace(CLEAN, noise=0.0)
    batch = Batches(tiny(corruption=how))[0]
    field = dipole_of(batch)(batch["chi"]) * batch["mask"]
    torch.testing.assert_close(field, batch["field"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["ellipsoid", "sphere", "cuboid", "cylinder"])
def test_added_sources_follow_the_recipe(kind):
    recipe = tiny("uqsm+", perturbation=kind).with_options(
        ["added_sources.count=1", "added_sources.radii=1,2", "added_sources.strength=3"]
    )
    batch = Batches(recipe)[0]
    assert 2.5 < float(batch["source"].abs().max()) < 3.5
    assert (batch["source"] != 0).sum() < 2 * (2 * 2 + 2) ** 3
