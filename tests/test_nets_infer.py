"""Whole volumes: frames, tiles, inference and fine-tuning through the inversion's signature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from qsmbids.errors import InputError
from qsmbids.physics import DipoleConvolution

torch = pytest.importorskip("torch")

from qsmbids.inversion.finetune import finetune  # noqa: E402
from qsmbids.inversion.network import network  # noqa: E402
from qsmbids.nets.dipole import Dipole  # noqa: E402
from qsmbids.nets.finetune import Tuning, fine_tune  # noqa: E402
from qsmbids.nets.frames import Frame, to_third_axis  # noqa: E402
from qsmbids.nets.infer import Setup, choose_frame, predict  # noqa: E402
from qsmbids.nets.inversion import ConsistentNet, DirectNet  # noqa: E402
from qsmbids.nets.tiles import in_tiles  # noqa: E402
from qsmbids.nets.unet import UNet  # noqa: E402
from qsmbids.nets.weights import save_weights  # noqa: E402

SMALL = {"base": 2, "levels": 3}
SHAPE = (33, 40, 28)


def head(voxel_size=(1, 1, 1), b0_dir=(0, 0, 1), shape=SHAPE, noise=0.0):
    rng = np.random.default_rng(4)
    mask = np.zeros(shape, bool)
    mask[3:-3, 4:-4, 3:-3] = True
    chi = ndimage.gaussian_filter(rng.standard_normal(shape), 2).astype(np.float32)
    chi = np.where(mask, chi * 0.05 / chi.std(), 0).astype(np.float32)
    chi[mask] -= chi[mask].mean()
    field = DipoleConvolution(shape, voxel_size, b0_dir)(chi)
    field += np.float32(noise) * rng.standard_normal(shape, dtype=np.float32)
    return chi, np.where(mask, field, 0).astype(np.float32), mask


@pytest.fixture
def path(tmp_path):
    torch.manual_seed(0)
    return str(save_weights(ConsistentNet(**SMALL), tmp_path / "net.safetensors"))


def test_tiles_equal_the_whole_volume():
    torch.manual_seed(0)
    net = UNet(inputs=2, base=2, levels=3).eval()
    x = torch.randn(1, 2, 50, 41, 37)
    with torch.no_grad():
        torch.testing.assert_close(in_tiles(16, 16)(net, x, 0), net(x, 0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "b0", [(0, 0, 1), (0, 0, -1), (1, 0, 0), (0, -1, 0), (0.5, -0.3, 0.7), (-0.2, 0.9, -0.1)]
)
def test_the_turn_takes_b0_to_the_third_axis(b0):
    turn = to_third_axis(b0)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)
    along = turn @ np.asarray(b0) / np.linalg.norm(b0)
    np.testing.assert_allclose(np.abs(along), (0, 0, 1), atol=1e-12)


def test_a_frame_turned_by_a_right_angle_loses_nothing():
    frame = Frame((9, 12, 15), (1, 1, 1), (1, 0, 0))
    assert frame.shape == (15, 12, 9)
    x = torch.randn(1, 2, 9, 12, 15)
    torch.testing.assert_close(frame.back(frame.there(x)), x, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("voxel", "b0"), [((0.8, 0.8, 2.4), (0, 0, 1)), ((1, 1, 2), (0.2, 0.3, 0.9))]
)
def test_a_frame_keeps_a_dipole_field_a_dipole_field(voxel, b0):
    shape = (50, 46, 22)
    axes = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in shape), indexing="ij")
    distance2 = sum((a * v) ** 2 for a, v in zip(axes, voxel, strict=True))
    chi = np.exp(-distance2 / 50).astype(np.float32)
    field = DipoleConvolution(shape, voxel, b0)(chi)
    frame = Frame(shape, voxel, b0)
    chi_there, field_there = (frame.there(torch.from_numpy(i)[None, None]) for i in (chi, field))
    expected = Dipole.on(frame.shape, (1, 1, 1))(chi_there)
    middle = tuple(slice(n // 2 - 6, n // 2 + 6) for n in frame.shape)
    error = (expected - field_there)[0, 0][middle].norm() / expected[0, 0][middle].norm()
    assert float(error) < 0.1  # of which most is the coarse native grid


def test_frames_are_used_only_beyond_what_the_network_has_seen():
    oblique, thick = (0.3, 0, 1), (1, 1, 2)
    seen = {"recipe": {"degradation": {"axial": 0.5, "tilt": 35.0, "stretch": 2.0}}}
    assert choose_frame(SHAPE, (1, 1, 1), (0, 0, 1)) is None
    assert choose_frame(SHAPE, thick, (0, 0, 1)) is not None
    assert choose_frame(SHAPE, (1, 1, 1), oblique) is not None
    assert choose_frame(SHAPE, thick, oblique, seen) is None
    assert choose_frame(SHAPE, (1, 1, 4), oblique, seen).shape[2] > SHAPE[2]


@pytest.mark.parametrize("make", [ConsistentNet, DirectNet])
@pytest.mark.parametrize("voxel", [(1, 1, 1), (1, 1, 3)])
def test_prediction_is_finite_demeaned_and_the_same_twice(make, voxel):
    torch.manual_seed(0)
    net = make(**SMALL).eval()
    _, field, mask = head(voxel)
    options = {"voxel_size": voxel, "b0_dir": (0.1, 0.5, 1), "consistency": 0.1}
    first, second = (predict(net, field, mask, **options) for _ in range(2))
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
    options = {"voxel_size": (1, 1, 1), "b0_dir": (0, 0, 1), "weights": direct}
    without, with_it = (
        np.linalg.norm((dipole(network(field, mask, consistency=c, **options)) - field)[mask])
        for c in (0, 0.05)
    )
    assert with_it < 0.5 * without


def test_little_memory_means_tiles_of_nearly_the_same_map():
    torch.manual_seed(0)
    net = ConsistentNet(**SMALL).eval()
    _, field, mask = head(shape=(70, 64, 60))
    whole, tiled = (predict(net, field, mask, voxel_size=(1, 1, 1), memory_gb=m) for m in (3, 1e-3))
    np.testing.assert_allclose(tiled, whole, atol=1e-3 * np.abs(whole).max())


def test_unusable_input_is_refused_in_a_sentence(path, tmp_path):
    _, field, mask = head(shape=(12, 40, 40))
    options = {"voxel_size": (1, 1, 1), "b0_dir": (0, 0, 1)}
    with pytest.raises(ValueError, match="spans only 6 x 32 x 34 voxels"):
        network(field, mask, weights=path, **options)
    _, field, mask = head()
    with pytest.raises(InputError, match="does not exist"):
        network(field, mask, weights=str(tmp_path / "no.safetensors"), **options)
    with pytest.raises(ValueError, match="consistency"):
        network(field, mask, weights=path, consistency=-1, **options)
    with pytest.raises(ValueError, match="held-out share"):
        finetune(field, mask, weights=path, held_out=0, **options)


def tuned(how, noise=0.003):
    torch.manual_seed(0)
    net = DirectNet(**SMALL)
    _, field, mask = head(noise=noise)
    setup = Setup(net, field, mask, (1, 1, 1))
    return setup, fine_tune(setup, (1.0, 1.0, 1.0), setup.mask, how)


def test_fine_tuning_lowers_the_held_out_error_and_keeps_its_minimum():
    _, result = tuned(Tuning(iterations=25, learning_rate=1e-2))
    assert result.best > 0
    assert result.held_out[result.best] == min(result.held_out) < 0.8 * result.held_out[0]
    assert result.loss[result.best] < result.loss[0]


def test_fine_tuning_stops_when_nothing_is_gained():
    _, result = tuned(Tuning(iterations=50, learning_rate=3.0, patience=3))
    assert len(result.loss) < 51
    assert result.best <= len(result.loss) - 4


def test_fine_tuning_is_deterministic(path):
    _, field, mask = head(noise=0.002)
    options = {"voxel_size": (1, 1, 2), "b0_dir": (0, 0.4, 1), "weights": path, "iterations": 3}
    first, second = (finetune(field, mask, weight=2.0 * mask, **options) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert np.isfinite(first).all()
    assert not first[~mask].any()
