"""A U-Net in slabs is the U-Net, and no level is larger than it has to be."""

import pytest

torch = pytest.importorskip("torch")

from qsmbids.networks import unet  # noqa: E402
from qsmbids.networks.unet import UNet  # noqa: E402


@pytest.mark.parametrize("bfloat16", [False, True])
def test_a_large_volume_is_what_it_would_be_at_once(monkeypatch, bfloat16):
    net = UNet(inputs=2, base=4, levels=3, norm="batch").eval()
    net.use_bfloat16 = bfloat16
    x = torch.randn(1, 2, 71, 22, 17, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        at_once = net(x)
        monkeypatch.setattr(unet, "_LARGE", 0)
        torch.testing.assert_close(net(x), at_once)


def test_a_level_has_half_the_size_of_the_one_above_and_no_more():
    net, sizes = UNet(inputs=1, base=2, levels=4).eval(), []
    for block in net.encoder:
        block.register_forward_pre_hook(lambda _, given: sizes.append(tuple(given[0].shape[2:])))
    with torch.inference_mode():
        out = net(torch.randn(1, 1, 17, 20, 33))
    assert sizes == [(18, 20, 34), (9, 10, 17), (5, 5, 9), (3, 3, 5)]
    assert out.shape == (1, 1, 17, 20, 33)
