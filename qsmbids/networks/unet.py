"""The 3D U-Net that every network of the package is built from."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

NORMS = ("none", "batch", "domain")
_AT_ONCE = 16  # slices of the last sum: in single precision, all of a volume take much memory
_SLAB = 32  # slices of the first level's images that are made at once of a large volume
_LARGE = 2**21  # voxels; of smaller volumes oneDNN takes longer in parts than at once


class DomainNorm(nn.Module):
    """Batch normalization with statistics and affine parameters of each domain's own.

    Parameters
    ----------
    channels : int
        Channels of the input.
    domains : int
        How many domains; 1 makes it an ordinary batch normalization.

    References
    ----------
    Chang et al., CVPR 2019, "Domain-specific batch normalization".
    """

    def __init__(self, channels: int, domains: int):
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm3d(channels) for _ in range(domains))

    def forward(self, x: Tensor, domain: int = 0) -> Tensor:
        """Return ``x`` (batch, channel, x, y, z) normalized as ``domain``."""
        normalized: Tensor = self.norms[domain](x)
        return normalized


class Block(nn.Module):
    """One 3x3x3 convolution, its normalization, and a leaky rectifier."""

    def __init__(self, inputs: int, outputs: int, norm: str, domains: int, slope: float):
        super().__init__()
        plain = norm == "none"
        self.conv = nn.Conv3d(inputs, outputs, 3, padding=1, bias=plain)
        self.norm = None if plain else DomainNorm(outputs, domains if norm == "domain" else 1)
        self.slope = slope
        nn.init.kaiming_normal_(self.conv.weight, a=slope)

    def forward(self, x: Tensor, domain: int = 0, coarse: Tensor | None = None) -> Tensor:
        """Return the block's (batch, channel, x, y, z) output.

        Parameters
        ----------
        x : (batch, channel, x, y, z) tensor
            The input, or the first part of its channels.
        domain : int
            Whose batch statistics to use.
        coarse : (batch, channel, x / 2, y / 2, z / 2) tensor, optional
            The rest of the channels, to be doubled along each axis.
        """
        x = self.conv(x) if coarse is None else self._joined(x, coarse)
        if self.norm is not None:
            x = self.norm(x, domain if len(self.norm.norms) > 1 else 0)
        return functional.leaky_relu(x, self.slope, inplace=True)

    def _joined(self, fine: Tensor, coarse: Tensor) -> Tensor:
        # The same as the convolution of both joined, the coarse part upsampled, without making
        # either: it takes less than half of the time and of the memory.
        near, far = self.conv.weight[:, : fine.shape[1]], self.conv.weight[:, fine.shape[1] :]
        x = functional.conv3d(fine, near, self.conv.bias, padding=1)
        layout = torch.channels_last_3d
        kernel = upsampling_kernel(far).contiguous(memory_format=layout)
        doubled = functional.conv_transpose3d(coarse, kernel, stride=2, padding=1)
        return x.add_(doubled[..., : x.shape[2], : x.shape[3], : x.shape[4]])


def halved(x: Tensor) -> Tensor:
    """Return the maxima of ``x`` (batch, channel, x, y, z) over blocks of 2x2x2 voxels.

    Zeros follow an axis that is odd.
    """
    x = _even(x)
    if x.requires_grad:
        # outside of autocast, which would make it single precision first
        with torch.autocast(x.device.type, enabled=False):
            return functional.max_pool3d(x, 2)
    for axis in (2, 3, 4):  # several times faster, but not its gradient
        pairs = torch.unflatten(x, axis, (-1, 2))
        x = torch.maximum(pairs.select(axis + 1, 0), pairs.select(axis + 1, 1))
    return x


def _even(x: Tensor) -> Tensor:
    behind = [p for n in reversed(x.shape[2:]) for p in (0, n % 2)]
    return functional.pad(x, behind) if any(behind) else x  # which would copy it all the same


def upsampling_kernel(weight: Tensor) -> Tensor:
    """Return the kernel of "double by nearest neighbours, then convolve" in one.

    Parameters
    ----------
    weight : (out, in, 3, 3, 3) tensor
        The convolution's, with zeros around the image.

    Returns
    -------
    (in, out, 4, 4, 4) tensor
        For a transposed convolution with a stride of 2 and a padding of 1.
    """
    for axis in (2, 3, 4):
        after = [0, 0] * (4 - axis) + [0, 1]
        before = [0, 0] * (4 - axis) + [1, 0]
        weight = functional.pad(weight, after) + functional.pad(weight, before)
    return weight.flip(2, 3, 4).transpose(0, 1)


class UNet(nn.Module):
    """Encoder and decoder with one convolution a level on each side, joined by concatenation.

    Max pooling by 2 on the way down, nearest upsampling on the way up, a linear 1x1x1
    convolution at the end. Any image size is taken: at each level one plane of zeros is put behind
    the end of each axis that is odd, and cut off again.

    Parameters
    ----------
    inputs : int
        Input channels.
    base : int
        Filters of the first level, doubled at each level.
    levels : int
        Resolutions, the full one included.
    norm : {"none", "batch", "domain"}
        What follows each convolution.
    domains : int
        Sets of statistics with ``norm="domain"``.
    slope : float
        The rectifier's slope for negative values.
    outputs : int
        Output channels.

    Attributes
    ----------
    use_bfloat16 : bool
        Compute in bfloat16 where autocast does so; the output is float32 either way.

    References
    ----------
    Liu and Koch, MLMIR 2020 (uQSM); Ronneberger et al., MICCAI 2015.
    """

    def __init__(
        self,
        inputs: int = 2,
        base: int = 16,
        levels: int = 5,
        norm: str = "none",
        domains: int = 1,
        slope: float = 0.1,
        outputs: int = 1,
    ):
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f"the norm must be one of {', '.join(NORMS)}, not {norm!r}")
        if min(inputs, base, levels, domains, outputs) < 1:
            raise ValueError("channels, base filters, levels and domains must be at least 1")
        widths = [base * 2**level for level in range(levels)]
        rest = (norm, domains, slope)
        ins = [inputs, *widths[:-1]]
        self.encoder = nn.ModuleList(Block(i, o, *rest) for i, o in zip(ins, widths, strict=True))
        self.decoder = nn.ModuleList(
            Block(fine + coarse, fine, *rest) for fine, coarse in pairwise(widths)
        )
        self.last = nn.Conv3d(base, outputs, 1)
        self.multiple = 2 ** (levels - 1)
        self.use_bfloat16 = False

    def forward(self, x: Tensor, domain: int = 0) -> Tensor:
        """Return (batch, output, x, y, z) float32 for ``x`` (batch, channel, x, y, z)."""
        size = x.shape[2:]
        x = _even(x).contiguous(memory_format=torch.channels_last_3d)
        # Where the first axis of a level is two voxels long, oneDNN's bfloat16 gives weight
        # gradients that are noise (torch 2.13, error 100 %).
        sound = x.shape[2] > 2 * self.multiple
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.use_bfloat16 and sound):
            # the images of the first level are the largest of all: no whole one is made of a large
            # volume, unless it has to be kept for a gradient
            if torch.is_grad_enabled() or self.training or x[0, 0].numel() < _LARGE:
                first = self.encoder[0](x, domain)
                out = self._end(first, self._below(first, domain), domain)
            else:
                out = self._in_slabs(x, domain)
        return out[..., : size[0], : size[1], : size[2]]

    def _in_slabs(self, x: Tensor, domain: int) -> Tensor:
        """Make the first level's images twice, a slab along the first axis at a time."""
        last, count = x.shape[2], max(1, round(x.shape[2] / _SLAB))
        # of about one size: oneDNN takes thrice as long for the few planes that would be left over
        ends = [2 * (last * n // (2 * count)) for n in range(count + 1)]
        slabs = list(pairwise(ends))
        coarse = None
        if len(self.encoder) > 1:
            halves = torch.cat([halved(self._first(x, *slab, domain)) for slab in slabs], 2)
            coarse = self._decoded(halves, domain)
        parts = []
        for start, stop in slabs:
            near, far = max(start - 2, 0), min(stop + 2, last)
            below = None if coarse is None else coarse[:, :, near // 2 : far // 2]
            part = self._end(self._first(x, near, far, domain), below, domain)
            parts.append(part[:, :, start - near :][:, :, : stop - start])
        return torch.cat(parts, 2)

    def _first(self, x: Tensor, start: int, stop: int, domain: int) -> Tensor:
        """Return the first level's image from one plane along the first axis to another."""
        near = max(start - 1, 0)
        image: Tensor = self.encoder[0](x[:, :, near : stop + 1], domain)
        return image[:, :, start - near : stop - near]

    def _below(self, x: Tensor, domain: int) -> Tensor | None:
        """Return what the last block of the decoder joins to ``x``, if there is a decoder."""
        return self._decoded(halved(x), domain) if len(self.encoder) > 1 else None

    def _decoded(self, x: Tensor, domain: int) -> Tensor:
        """Return the decoder's second but last output, from the second level's input."""
        skips: list[Tensor] = []
        for level, block in enumerate(self.encoder[1:]):
            x = block(halved(x) if level else x, domain)
            skips.append(x)
        x = skips.pop()
        for block in reversed(self.decoder[1:]):
            x = block(skips.pop(), domain, x)
        return x

    def _end(self, x: Tensor, coarse: Tensor | None, domain: int) -> Tensor:
        """Return the output from the first level's image and the decoder's one below."""
        if coarse is not None:
            x = self.decoder[0](x, domain, coarse)
        with torch.autocast(x.device.type, enabled=False):
            return torch.cat([self._sum(part) for part in torch.split(x, _AT_ONCE, 2)], 2)

    def _sum(self, x: Tensor) -> Tensor:
        # The last sum in single precision, since rounding it would show in the map; and as a
        # matrix product, which is several times faster than a 1x1x1 convolution.
        weight = self.last.weight.flatten(1)
        return functional.linear(x.movedim(1, -1).float(), weight, self.last.bias).movedim(-1, 1)
