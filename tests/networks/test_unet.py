"""A U-Net in slabs is the U-Net."""

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
