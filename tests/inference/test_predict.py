"""Whole volumes: resampling, tiles, inference and fine-tuning through the inversion's signature."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from volumes import smooth_tissue

from qsmbids.errors import InputError, QsmbidsWarning, UsageError
from qsmbids.physics import DipoleConvolution, Problem

torch = pytest.importorskip("torch")

from qsmbids.inference.fine_tuning import fine_tune, hold_out  # noqa: E402
from qsmbids.inference.fit_options import FitOptions  # noqa: E402
from qsmbids.inference.predict import predict  # noqa: E402
from qsmbids.inference.predictor import DOMAINS, Predictor  # noqa: E402
from qsmbids.inference.resampling import (  # noqa: E402
    Resampling,
    choose_resampling,
    to_third_axis,
)
from qsmbids.inference.tiles import in_tiles, tile_size  # noqa: E402
from qsmbids.inversion import METHODS, reconstruct  # noqa: E402
from qsmbids.inversion.network import network  # noqa: E402
from qsmbids.networks.device import pick_device  # noqa: E402
from qsmbids.networks.direct import DirectNet  # noqa: E402
from qsmbids.networks.losses import data_term, total_variation  # noqa: E402
from qsmbids.networks.unet import DomainNorm, UNet  # noqa: E402
from qsmbids.networks.unrolled import UnrolledNet  # noqa: E402
from qsmbids.networks.weights import load_weights, save_weights  # noqa: E402
from qsmbids.physics.torch_dipole import Dipole, data_consistency  # noqa: E402

SMALL = {"base": 2, "levels": 3}
finetune = METHODS["qsminvnet"].load()
SHAPE = (33, 40, 28)


def head(voxel_size=(1, 1, 1), b0_dir=(0, 0, 1), shape=SHAPE, noise=0.0):
    return smooth_tissue(shape, voxel_size, b0_dir, noise=noise)


@pytest.fixture
def path(tmp_path):
    torch.manual_seed(0)
    return str(save_weights(UnrolledNet(**SMALL), tmp_path / "net.safetensors"))


@pytest.mark.parametrize("levels", [2, 3])
def test_tiles_equal_the_whole_volume(levels):
    torch.manual_seed(0)
    net = UNet(inputs=2, base=2, levels=levels).eval()
    x = torch.randn(1, 2, 70, 41, 37)
    seen = []
    net.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[2:].numel()))
    with torch.no_grad():
        tiled = in_tiles(40_000)(net, x, 0)
        assert len(seen) > 1
        assert max(seen) <= 40_000
        torch.testing.assert_close(tiled, net(x, 0), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dcnet", "uqsm", "qsminvnet+"])  # one an architecture
def test_tiles_of_trained_weights_equal_the_whole_volume(name, monkeypatch):
    # in bfloat16 a processor may round tiles of one size otherwise than those of another
    monkeypatch.setattr("qsmbids.inference.predictor.has_bfloat16", lambda *_: False)
    model, card = load_weights(name)
    _, field, mask = head(shape=(176, 36, 40), noise=0.002)
    predictor = Predictor(model, Problem(field, mask, (1, 1, 1)), card)
    whole, tiled = (predict(predictor, memory_gb=gb) for gb in (3, 1e-3))
    assert np.abs(tiled - whole).max() < 1e-3 * whole[mask].std()


def test_tiles_compute_as_little_as_they_can():
    assert tile_size((64, 64, 64), 16, 64**3) == (64, 64, 64)
    step = tile_size((256, 64, 64), 16, 200 * 64 * 64)
    assert step[1:] == (64, 64)
    assert step[0] in (96, 112)  # three tiles
    assert tile_size((200, 200, 200), 16, 1) == (16, 16, 16)


@pytest.mark.parametrize(
    "b0", [(0, 0, 1), (0, 0, -1), (1, 0, 0), (0, -1, 0), (0.5, -0.3, 0.7), (-0.2, 0.9, -0.1)]
)
def test_the_rotation_takes_b0_to_the_third_axis(b0):
    rotation = to_third_axis(b0)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    along = rotation @ np.asarray(b0) / np.linalg.norm(b0)
    np.testing.assert_allclose(np.abs(along), (0, 0, 1), atol=1e-12)


def test_resampling_to_axes_turned_by_a_right_angle_loses_nothing():
    resampling = Resampling((9, 12, 15), (1, 1, 1), (1, 0, 0))
    assert resampling.shape == (15, 12, 9)
    x = torch.randn(1, 2, 9, 12, 15)
    torch.testing.assert_close(
        resampling.to_native(resampling.to_network(x)), x, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    ("voxel", "b0"), [((0.8, 0.8, 2.4), (0, 0, 1)), ((1, 1, 2), (0.2, 0.3, 0.9))]
)
def test_resampling_keeps_a_dipole_field_a_dipole_field(voxel, b0):
    shape = (50, 46, 22)
    axes = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in shape), indexing="ij")
    distance2 = sum((a * v) ** 2 for a, v in zip(axes, voxel, strict=True))
    chi = np.exp(-distance2 / 50).astype(np.float32)
    # a field's mean depends on how far its grid is padded
    field = DipoleConvolution(shape, voxel, b0, margin=24)(chi)
    resampling = Resampling(shape, voxel, b0)
    chi_there, field_there = (
        resampling.to_network(torch.from_numpy(i)[None, None]) for i in (chi, field)
    )
    expected = Dipole.on(resampling.shape, (1, 1, 1))(chi_there)
    middle = tuple(slice(n // 2 - 6, n // 2 + 6) for n in resampling.shape)
    error = (expected - field_there)[0, 0][middle].norm() / expected[0, 0][middle].norm()
    assert float(error) < 0.1  # of which most is the coarse native grid


def test_fields_are_resampled_beyond_cubic_voxels_and_an_axial_field():
    oblique, thick = (0.3, 0, 1), (1, 1, 2)
    assert choose_resampling(SHAPE, (1, 1, 1), (0, 0, 1)) is None
    assert choose_resampling(SHAPE, thick, (0, 0, 1)) is not None
    assert choose_resampling(SHAPE, (1, 1, 1), oblique) is not None
    assert choose_resampling(SHAPE, thick, oblique, {"grid": "native"}) is None
    # a network trained on tilts needs no rotation but near the largest of them
    card = {"recipe": {"corruption": {"tilt": 35.0, "axial": 0.5}}}
    old = {"recipe": {"degradation": {"tilt": 35.0, "axial": 0.5}}}
    assert choose_resampling(SHAPE, (1, 1, 1), oblique, old) is None
    assert choose_resampling(SHAPE, (1, 1, 1), oblique, card) is None
    assert choose_resampling(SHAPE, (1, 1, 1), (0.6, 0, 1), card) is not None
    card["recipe"]["corruption"]["axial"] = 1.0
    assert choose_resampling(SHAPE, (1, 1, 1), oblique, card) is not None
    assert choose_resampling(SHAPE, (0.76, 0.76, 3), (0, 0, 1)).edge == pytest.approx(0.76)
    assert choose_resampling(SHAPE, (1, 1, 4), oblique).shape[2] > SHAPE[2]


@pytest.mark.parametrize("make", [UnrolledNet, DirectNet])
@pytest.mark.parametrize("voxel", [(1, 1, 1), (1, 1, 3)])
def test_prediction_is_finite_demeaned_and_the_same_twice(make, voxel):
    torch.manual_seed(0)
    net = make(**SMALL).eval()
    _, field, mask = head(voxel)
    predictor = Predictor(net, Problem(field, mask, voxel, (0.1, 0.5, 1)))
    first, second = (predict(predictor, consistency=0.1) for _ in range(2))
    assert first.shape == mask.shape
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert not first[~mask].any()
    assert abs(first[mask].mean()) < 1e-5
    np.testing.assert_array_equal(first, second)


def test_consistency_makes_a_direct_network_explain_the_field(tmp_path):
    torch.manual_seed(0)
    direct = str(save_weights(DirectNet(**SMALL), tmp_path / "direct.safetensors"))
    _, field, mask = head()
    dipole = DipoleConvolution(SHAPE, (1, 1, 1))
    problem = Problem(field, mask, (1, 1, 1))
    without, with_it = (
        np.linalg.norm((dipole(network(problem, consistency=c, weights=direct).chi) - field)[mask])
        for c in (0, 0.05)
    )
    assert with_it < 0.5 * without


def test_little_memory_means_tiles_of_nearly_the_same_map():
    torch.manual_seed(0)
    net = UnrolledNet(**SMALL).eval()
    _, field, mask = head(shape=(70, 64, 60))
    predictor = Predictor(net, Problem(field, mask, (1, 1, 1)))
    whole, tiled = (predict(predictor, memory_gb=gb) for gb in (3, 1e-3))
    np.testing.assert_allclose(tiled, whole, atol=1e-3 * np.abs(whole).max())


def test_when_memory_runs_out_the_network_goes_on_in_tiles_and_says_so(monkeypatch):
    torch.manual_seed(0)
    net = DirectNet(**SMALL).eval()
    _, field, mask = head(shape=(70, 64, 60))
    predictor = Predictor(net, Problem(field, mask, (1, 1, 1)))
    whole = predict(predictor)
    forward = UNet.forward

    def scarce(self, x, domain=0):
        if x[0, 0].numel() == mask.size:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes")
        return forward(self, x, domain)

    monkeypatch.setattr(UNet, "forward", scarce)
    monkeypatch.setattr("qsmbids.inference.predict.FALLBACK_GB", (1e-3,))
    with pytest.warns(QsmbidsWarning, match="went on in small tiles"):
        tiled = predict(predictor)
    np.testing.assert_allclose(tiled, whole, atol=1e-3 * whole[mask].std())

    def none(self, x, domain=0):
        raise MemoryError

    monkeypatch.setattr(UNet, "forward", none)
    with pytest.raises(InputError, match="even for the network"), pytest.warns(QsmbidsWarning):
        predict(predictor)
    with pytest.raises(InputError, match="fitting a network to 70x64x60 voxels"):
        fine_tune(predictor, FitOptions())


def test_an_average_over_mirror_images_is_the_same_for_a_mirrored_field():
    torch.manual_seed(0)
    net = DirectNet(**SMALL).eval()
    _, field, mask = head(shape=(32, 40, 28))  # mirrored about the poolings' grid
    predictor, flipped = (
        Predictor(net, Problem(field[::s].copy(), mask[::s].copy(), (1, 1, 1))) for s in (1, -1)
    )
    one, two = (predict(predictor, average=n, consistency=0) for n in (1, 2))
    mirrored = predict(flipped, average=2, consistency=0)
    assert not np.allclose(one, two, atol=1e-6)
    np.testing.assert_allclose(mirrored[::-1], two, atol=1e-6)
    with pytest.raises(ValueError, match="1, 2, 4 or 8"):
        predict(predictor, average=3)


@pytest.mark.parametrize("make", [UnrolledNet, DirectNet])
def test_every_tensor_is_made_where_the_field_is(make):
    torch.manual_seed(0)
    net = make(**SMALL)
    _, field, mask = head()
    predictor = Predictor(net, Problem(field, mask, (1, 1, 2), (0, 0.3, 1)))
    # what names no device lands on "meta", which cannot be mixed with the field's
    with torch.device("meta"):
        predictor(1e-3)
        blinded, hidden = hold_out(predictor, 0.1, 0)
        mask, dipole = predictor.mask, predictor.dipole
        chi = predictor.run(blinded, predictor.apply())
        loss = data_term(chi, predictor.field, mask, dipole, hidden)
        (loss + total_variation(chi, mask, (1, 1, 2))).backward()
        assert data_consistency(chi, predictor.field, mask, dipole).device == mask.device


def test_devices_are_named_and_missed_in_a_sentence(monkeypatch):
    assert pick_device("cpu").type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto").type == "cpu"
    for name in ("cuda", "cuda:1"):
        with pytest.raises(UsageError, match=f"no device '{name}'"):
            pick_device(name)
    for name in ("meta", "gpu"):
        with pytest.raises(UsageError, match="none of auto, cpu, cuda"):
            pick_device(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert pick_device("auto").type == "cuda"
    assert pick_device("auto", local_rank=0) == torch.device("cuda", 0)
    assert pick_device("cpu", local_rank=1).type == "cpu"
    for given in (("cuda:1",), ("cuda", 1)):
        with pytest.raises(UsageError, match="no device 'cuda:1': PyTorch finds 1 graphics"):
            pick_device(*given)


@pytest.mark.parametrize(
    ("shape", "size"), [((41, 37, 14), (0.3, 0.3, 2.0)), ((43, 40, 16), (1.9, 1.9, 9.0))]
)
@pytest.mark.parametrize("method", ["dcnet", "dcnet-tv"])
def test_ten_slices_give_a_map_and_one_doubt(path, method, shape, size):
    chi, field, mask = head(size, shape=shape)
    mask &= (np.arange(shape[2]) > shape[2] // 2 - 6) & (np.arange(shape[2]) < shape[2] // 2 + 5)
    assert mask.any(axis=(0, 1)).sum() == min(10, shape[2] - 6)
    found = reconstruct(field, mask, voxel_size=size, method=method, weights=path, device="cpu")
    assert np.isfinite(found.chi).all()
    assert np.corrcoef(found.chi[mask], chi[mask])[0, 1] > 0.3
    (doubt,) = found.warnings
    assert "fewer than the 16" in doubt


def test_unusable_input_is_refused_in_a_sentence(path, tmp_path):
    _, field, mask = head()
    mask &= (np.arange(mask.shape[0]) - mask.shape[0] // 2 < 1)[:, None, None]
    mask &= (np.arange(mask.shape[0]) - mask.shape[0] // 2 > -3)[:, None, None]
    with pytest.raises(ValueError, match="spans only 3 x"):
        network(Problem(field, mask, (1, 1, 1)), weights=path)
    problem = Problem(*head()[1:], (1, 1, 1))
    with pytest.raises(InputError, match="does not exist"):
        network(problem, weights=str(tmp_path / "no.safetensors"))
    with pytest.raises(ValueError, match="consistency"):
        network(problem, weights=path, consistency=-1)
    with pytest.raises(ValueError, match="held-out share"):
        finetune(problem, weights=path, held_out=0)


def tuned(options, noise=0.003):
    torch.manual_seed(0)
    net = DirectNet(**SMALL)
    _, field, mask = head(noise=noise)
    predictor = Predictor(net, Problem(field, mask, (1, 1, 1)))
    return predictor, fine_tune(predictor, options)


def test_fine_tuning_lowers_the_held_out_error_and_keeps_its_minimum():
    predictor, result = tuned(FitOptions(iterations=25, learning_rate=1e-2))
    assert result.best > 0
    kept = predictor.with_consistency(predictor(), FitOptions().consistency)
    assert torch.equal(result.chi, kept.detach())  # the network is left as its map was made
    assert result.before is not None
    assert not torch.equal(result.before, result.chi)
    assert result.held_out[result.best] == min(result.held_out) < 0.8 * result.held_out[0]
    assert result.loss[result.best] < result.loss[0]


def test_fine_tuning_keeps_the_start_where_too_little_is_gained():
    predictor, result = tuned(FitOptions(iterations=3, learning_rate=1e-6))
    assert result.held_out[-1] < result.held_out[0]
    assert result.best == 0
    assert result.before is None
    with torch.inference_mode():
        expected = data_consistency(predictor(), predictor.field, predictor.mask, predictor.dipole)
    assert torch.equal(result.chi, expected)


def test_fine_tuning_stops_when_nothing_is_gained():
    _, result = tuned(FitOptions(iterations=50, learning_rate=3.0, patience=3))
    assert len(result.loss) < 51
    assert result.best <= len(result.loss) - 4


def test_fine_tuning_is_deterministic(path):
    _, field, mask = head(noise=0.002)
    weight = 2 * mask.astype(np.float32)
    problem = Problem(field, mask, (1, 1, 2), (0, 0.4, 1), weight)
    first, second = (finetune(problem, weights=path, iterations=3).chi for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert np.isfinite(first).all()
    assert not first[~mask].any()


def test_a_network_of_two_domains_is_asked_for_one_of_them(tmp_path):
    torch.manual_seed(0)
    net = DirectNet(**SMALL, norm="domain", domains=2)
    problem = Problem(*head()[1:], (1, 1, 1))
    for number, name in ((0, "source"), (1, "target")):
        with torch.no_grad():
            for module in net.modules():
                if isinstance(module, DomainNorm):
                    module.norms[number].weight.fill_(1 + number)
        assert Predictor(net, problem, domain=name).domain == number
    path = str(save_weights(net, tmp_path / "net.safetensors"))
    model, _ = load_weights(path)
    one, other, default = (
        predict(Predictor(model, problem, **chosen))
        for chosen in (*({"domain": d} for d in DOMAINS), {})
    )
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(default, one)
    maps = [
        finetune(
            problem,
            weights=path,
            iterations=1,
            uncertainty=False,
            **chosen,
        )
        for chosen in ({}, {"domain": "source"}, {"domain": "target"})
    ]
    np.testing.assert_array_equal(maps[0].chi, maps[1].chi)
    assert not np.array_equal(maps[0].chi, maps[2].chi)
    with pytest.raises(ValueError, match="'source' or 'target', not 'both'"):
        finetune(problem, weights=path, domain="both")


def test_a_network_of_one_domain_has_no_other():
    net = DirectNet(**SMALL)
    assert Predictor(net, Problem(*head()[1:], (1, 1, 1)), domain="target").domain == 0


@pytest.mark.parametrize("method", ["qsminvnet", "qsminvnet+", "zs-uqsm+", "dip"])
def test_every_setting_of_the_fit_is_an_option(method):
    names = {field.name for field in fields(FitOptions)}
    assert names <= set(METHODS[method].defaults())


def test_the_gain_decides_whether_a_small_fall_counts(tmp_path):
    torch.manual_seed(0)
    path = str(save_weights(DirectNet(**SMALL), tmp_path / "net.safetensors"))
    _, field, mask = head()
    given = {"voxel_size": (1, 1, 1), "method": "qsminvnet", "weights": path, "device": "cpu"}
    given |= {"iterations": 3, "learning_rate": 1e-5, "uncertainty": False}
    some, none = (
        reconstruct(field, mask, gain=gain, **given).details["Fit"] for gain in (0.0, 0.5)
    )
    assert some["KeptIteration"] > 0
    assert none["KeptIteration"] == 0
    assert none["HeldOutErrorKept"] == none["HeldOutErrorAtFirst"]
    with pytest.raises(ValueError, match="gain must be"):
        reconstruct(field, mask, gain=1.0, **given)
