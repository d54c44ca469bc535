"""The networks' building blocks: physics, architecture, losses, weights files."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from qsmbids.errors import InputError

torch = pytest.importorskip("torch")

from qsmbids.networks import losses  # noqa: E402
from qsmbids.networks import weights_file as files  # noqa: E402
from qsmbids.networks.architectures import ARCHITECTURES  # noqa: E402
from qsmbids.networks.base import InversionNet  # noqa: E402
from qsmbids.networks.device import has_bfloat16, is_out_of_memory  # noqa: E402
from qsmbids.networks.direct import DeepImagePrior, DirectNet  # noqa: E402
from qsmbids.networks.unet import UNet  # noqa: E402
from qsmbids.networks.unrolled import UnrolledNet  # noqa: E402
from qsmbids.networks.weights import load_weights, save_weights  # noqa: E402
from qsmbids.physics.torch_dipole import Dipole, demean  # noqa: E402

SHAPE = (20, 17, 24)
SMALL = {"base": 2, "levels": 3}


@pytest.fixture
def volume():
    rng = np.random.default_rng(0)
    mask = np.zeros(SHAPE, bool)
    mask[2:-2, 3:-1, 2:-3] = True
    chi = np.where(mask, rng.normal(0, 0.05, SHAPE), 0).astype(np.float32)
    chi[mask] -= chi[mask].mean()
    return chi, mask


def tensor(image):
    return torch.from_numpy(np.asarray(image, np.float32))[None, None]


@pytest.mark.parametrize("norm", ["none", "batch", "domain"])
def test_unet_takes_any_size_and_passes_gradients_to_all_weights(norm):
    torch.manual_seed(0)
    net = UNet(inputs=2, base=2, levels=3, norm=norm, domains=2)
    out = net(torch.randn(1, 2, *SHAPE), 0)
    assert out.shape == (1, 1, *SHAPE)
    out.square().mean().backward()
    idle = {name for name, p in net.named_parameters() if p.grad is None}
    assert all("norms.1" in name for name in idle)
    assert (norm == "domain") == bool(idle)


def test_domains_keep_statistics_of_their_own():
    torch.manual_seed(0)
    net = UNet(inputs=1, base=2, levels=2, norm="domain", domains=2)
    net(5 + torch.randn(1, 1, 8, 8, 8), 1)
    first, second = net.encoder[0].norm.norms
    assert torch.equal(first.running_mean, torch.zeros(2))
    assert not torch.equal(second.running_mean, torch.zeros(2))


def test_unknown_norm_is_refused():
    with pytest.raises(ValueError, match="norm must be one of"):
        UNet(norm="layer")


@pytest.mark.parametrize("make", [DirectNet, UnrolledNet])
def test_networks_are_zero_outside_the_mask(volume, make):
    chi, mask = volume
    torch.manual_seed(0)
    net = make(**SMALL).eval()
    dipole = Dipole.on(SHAPE, (1, 1, 1))
    out = net(dipole(tensor(chi)), tensor(mask), dipole).detach()[0, 0].numpy()
    assert not out[~mask].any()
    assert out[mask].any()


def test_unrolled_network_scales_with_the_field(volume):
    chi, mask = volume
    torch.manual_seed(0)
    net = UnrolledNet(**SMALL, iterations=2).eval()
    dipole = Dipole.on(SHAPE, (1, 1, 1))
    field = dipole(tensor(chi))
    with torch.no_grad():
        once, thrice = (net(s * field, tensor(mask), dipole) for s in (1, 3))
    torch.testing.assert_close(thrice, 3 * once, rtol=1e-3, atol=1e-5)


def test_consistency_brings_the_map_towards_the_field(volume):
    chi, mask = volume
    dipole = Dipole.on(SHAPE, (1, 1, 1), (0, 0.5, 1))
    field = dipole(tensor(chi)) * tensor(mask)
    guess = torch.zeros_like(field)
    for _ in range(2):
        better = guess + dipole.solve((field - dipole(guess)) * tensor(mask), 0.05) * tensor(mask)
        assert (field - dipole(better)).square().mean() < (field - dipole(guess)).square().mean()
        guess = better


def test_data_term_is_zero_for_the_truth_and_ignores_turns(volume):
    chi, mask = volume
    dipole, weight = Dipole.on(SHAPE, (1, 1, 1)), tensor(mask)
    field = dipole(tensor(chi))
    assert float(losses.data_term(tensor(chi), field, weight, dipole)) < 1e-8
    turn = 2 * np.pi / 100
    assert float(losses.data_term(tensor(chi), field + turn, weight, dipole)) < 1e-5
    assert float(losses.data_term(tensor(chi), field + turn / 2, weight, dipole)) > 3.9


def test_data_term_equals_the_distance_of_phasors(volume):
    chi, mask = volume
    dipole = Dipole.on(SHAPE, (1, 1, 1))
    field = 0.01 * torch.randn(1, 1, *SHAPE, generator=torch.Generator().manual_seed(1))
    phasors = torch.exp(100j * dipole(tensor(chi))) - torch.exp(100j * field)
    expected = phasors.abs().square()[tensor(mask) > 0].mean()
    found = losses.data_term(tensor(chi), field, tensor(mask), dipole)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=0)


def test_total_variation_of_a_ramp_and_of_the_rim():
    ramp = torch.arange(10.0)[:, None, None].expand(10, 6, 6)[None, None] / 100
    mask = torch.zeros_like(ramp)
    mask[:, :, 2:8] = 1
    # one per cent a voxel along one axis, in units of 3/100 ppm
    assert float(losses.total_variation(ramp * mask, mask)) == pytest.approx(1 / 3, rel=1e-5)


@pytest.mark.parametrize("name", losses.LABEL_LOSSES)
def test_label_losses_do_not_depend_on_the_scale(name):
    rng = torch.Generator().manual_seed(0)
    label, guess = (torch.randn(2, 1, 8, 8, 8, generator=rng) for _ in range(2))
    mask = torch.ones_like(label)
    loss = losses.LABEL_LOSSES[name]
    assert float(loss(guess, label, mask)) == pytest.approx(
        float(loss(guess / 10, label / 10, mask)), rel=1e-3
    )


def test_perturbation_consistency_sees_each_region():
    mask = torch.ones(1, 1, 8, 8, 8)
    source, chi = torch.zeros_like(mask), torch.zeros_like(mask)
    source[..., :2, :, :] = 1.5
    inside, outside = losses.perturbation_consistency(chi, chi + source, source, mask)
    assert float(inside) == float(outside) == 0
    shadow = chi + source
    shadow[..., 4:, :, :] = 0.3
    inside, outside = losses.perturbation_consistency(chi, shadow, source, mask)
    assert float(inside) == 0
    assert float(outside) == pytest.approx(0.3 * 100 / 3 * 4 / 6, rel=1e-5)


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(3)
    net = UnrolledNet(**SMALL)
    return net, save_weights(net, tmp_path / "net.safetensors", {"name": "net", "seed": 3})


def test_weights_round_trip(weights):
    net, path = weights
    back, card = load_weights(path)
    assert (card["name"], card["seed"], back.config) == ("net", 3, net.config)
    for name, value in net.state_dict().items():
        torch.testing.assert_close(back.state_dict()[name], value, rtol=1e-3, atol=1e-6)
    written = json.loads(path.with_suffix(".json").read_text())
    assert written["file"]["bytes"] == path.stat().st_size
    assert len(written["file"]["sha256"]) == 64


def test_damaged_weights_are_refused_in_one_sentence(weights, tmp_path):
    _, path = weights
    data = bytearray(path.read_bytes())
    data[-3] ^= 255
    flipped, short, text = (tmp_path / f"{n}.safetensors" for n in ("flipped", "short", "text"))
    flipped.write_bytes(data)
    short.write_bytes(data[: len(data) // 2])
    text.write_text("no weights")
    for bad in (flipped, short, text):
        with pytest.raises(InputError, match="damaged") as error:
            load_weights(bad)
        assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="does not exist"):
        load_weights(tmp_path / "none.safetensors")


def test_weights_of_another_kind_are_refused(weights, tmp_path):
    from safetensors.torch import save_file

    foreign = tmp_path / "foreign.safetensors"
    save_file({"a": torch.ones(2)}, foreign)
    with pytest.raises(InputError, match="no weights of qsmbids"):
        load_weights(foreign)
    net, path = weights
    save_weights(net, path, {"architecture": "newer"})
    with pytest.raises(InputError, match="architecture 'newer'"):
        load_weights(path)
    save_weights(net, path, {"config": {**SMALL, "levels": 2}})
    with pytest.raises(InputError, match="does not fit its architecture"):
        load_weights(path)


def test_demean_leaves_zero_mean_inside_and_zero_outside(volume):
    chi, mask = volume
    out = demean(tensor(chi) + 1, tensor(mask))[0, 0].numpy()
    assert abs(out[mask].mean()) < 1e-6
    assert not out[~mask].any()


@pytest.mark.parametrize(
    "card",
    [
        *(None, "{", "[]", "[" * 100_000, '{"architecture": 3, "config": {}}'),
        *('{"architecture": "direct"}', '{"architecture": "direct", "config": {}, "recipe": 3}'),
    ],
)
def test_weights_without_a_sound_card_are_refused(tmp_path, card):
    from safetensors.numpy import save_file

    tensors = {"a": np.ones(3, np.float32)}
    about = {"format": files.FORMAT, "sha256": files.checksum(tensors)}
    save_file(tensors, tmp_path / "w.safetensors", {**about, **({"card": card} if card else {})})
    with pytest.raises(InputError, match="card"):
        files.describe(tmp_path / "w.safetensors")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_is_what_the_table_says(name):
    kind = ARCHITECTURES[name].load()
    assert issubclass(kind, InversionNet) == (ARCHITECTURES[name].purpose == "inversion")
    assert kind(base=1, levels=1).name == name


def test_what_needs_no_architecture_has_no_name():
    assert DeepImagePrior((4, 4, 4), base=1, levels=1).name == ""


def test_the_table_weights_files_and_patches_do_without_torch():
    light = (
        "networks.architectures",
        "networks.weights_file",
        "inference.patches",
        "inference.perturbation",
    )
    code = "import sys, " + ", ".join(f"qsmbids.{name}" for name in light)
    subprocess.run([sys.executable, "-c", f"{code}; assert 'torch' not in sys.modules"], check=True)


@pytest.mark.parametrize(
    ("error", "out"),
    [
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 8 bytes"), True),
        (RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (torch.cuda.OutOfMemoryError("CUDA out of memory."), True),
        (MemoryError(), True),
        (RuntimeError("cuFFT error: CUFFT_INVALID_SIZE"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_says_that_memory_ran_out(error, out):
    assert is_out_of_memory(error) is out


@pytest.mark.parametrize(
    ("features", "intel", "expected"),
    [
        (set(), True, False),
        ({"avx512_bf16"}, True, False),
        ({"avx512_bf16"}, False, True),
        ({"avx512_bf16", "amx_tile"}, True, True),
    ],
)
def test_bfloat16_is_used_where_it_is_the_faster_one(monkeypatch, features, intel, expected):
    for name in ("avx512_bf16", "amx_tile"):
        known = partial(features.__contains__, name)
        monkeypatch.setattr(torch.cpu, f"_is_{name}_supported", known, raising=False)
    monkeypatch.setattr("qsmbids.networks.device._is_from_intel", lambda: intel)
    assert has_bfloat16("cpu") is expected
