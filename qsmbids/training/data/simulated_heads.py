"""Patches of simulated heads with random contrast, from a folder of heads made once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from qsmbids.array_types import Float
from qsmbids.errors import InputError
from qsmbids.files import whole_file
from qsmbids.training.data.random_fields import SmoothNoise
from qsmbids.training.data.shapes import paint_strong


def make_heads(
    folder: Path, count: int, *, seed: int = 0, log: Callable[[str], None] = print
) -> None:
    """Simulate ``count`` heads of random anatomy into ``folder``; those there already stay.

    Each becomes ``head-NN.npz`` with chi (float16, ppm), labels (uint8) and mask (bool), cut to
    the brain's bounding box. A head of the size of a whole one takes about half a minute.
    """
    from qsmbids.simulation import HeadRecipe, simulate_head

    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / f"head-{number:02d}.npz"
        if path.exists():
            continue
        recipe = HeadRecipe(
            echo_times=(0.02,),
            seed=seed + number,
            anatomy=seed + 1 + number,
            snr=float("inf"),
            phase_offset=False,
            shim=False,
            dephasing=False,
        )
        head = simulate_head(recipe)
        mask = head.brain_mask
        box = ndimage.find_objects(mask.astype(np.uint8))[0]
        chi = head.chi[box].astype(np.float16)
        with whole_file(path) as stream:
            np.savez(stream, chi=chi, labels=head.labels[box], mask=mask[box])
        log(f"simulated head {number + 1} of {count}")


def head_files(folder: Path) -> list[Path]:
    """Return the files of the simulated heads in a folder."""
    return sorted(folder.glob("head-[0-9][0-9].npz"))


class Heads:
    """Random patches of the heads in a folder.

    Parameters
    ----------
    folder : Path
        Written by `make_heads`.
    held_out : bool
        The last head, which training never sees, instead of all others.

    Raises
    ------
    InputError
        If the folder holds fewer than two heads.
    """

    def __init__(self, folder: Path, held_out: bool = False):
        paths = head_files(folder)
        if len(paths) < 2:
            raise InputError(f"{folder} holds {len(paths)} simulated heads; two are needed.")
        self.paths = paths[-1:] if held_out else paths[:-1]

    def __call__(
        self, rng: np.random.Generator, noise: SmoothNoise
    ) -> tuple[Float, NDArray[np.bool_]]:
        """Return susceptibility in ppm and brain mask, both (x, y, z) on the noise's grid."""
        path = self.paths[rng.integers(len(self.paths))]
        factor = int(rng.choice((1, 1, 2)))  # at 2, most of a brain fits into one patch
        chi, labels, mask = _patch(rng, _load(path), noise.shape, factor)
        chi = chi * np.float32(rng.uniform(0.6, 1.6))
        chi += _contrast(rng, labels)
        chi += np.float32(10 ** rng.uniform(-3.3, -2.2)) * noise(rng.uniform(0.6, 4))
        if rng.random() < 0.2:
            paint_strong(chi, rng, most=2)
        return chi, mask


@cache
def _load(path: Path) -> tuple[NDArray[np.float16], NDArray[np.uint8], NDArray[np.bool_]]:
    """Return susceptibility, labels and brain mask; each process keeps the heads it has read."""
    with np.load(path) as file:
        return file["chi"], file["labels"], file["mask"]


def _patch(
    rng: np.random.Generator, images: tuple[NDArray[Any], ...], shape: Sequence[int], factor: int
) -> list[NDArray[Any]]:
    """Cut one place out of all images, downsample it by ``factor``, turn and flip it at random."""
    order = rng.permutation(3)
    wanted = np.empty(3, int)
    wanted[order] = np.asarray(shape) * factor
    start = _place(rng, images[-1], wanted)
    flips = tuple(slice(None, None, int(s)) for s in rng.choice((-1, 1), 3))
    patches = []
    for image in images:
        part = _window(image, start, wanted)
        if factor > 1:
            part = _downsampled(part, factor)
        patches.append(np.ascontiguousarray(part.transpose(order)[flips]))
    return patches


def _place(
    rng: np.random.Generator, mask: NDArray[np.bool_], wanted: NDArray[np.int_]
) -> NDArray[np.int_]:
    """Return where to cut: a window that may stand out a little, at least 30 % of it brain."""
    room = np.array(mask.shape) - wanted
    low, high = np.minimum(room, 0) - 4, np.maximum(room, 0) + 5
    best, start = -1.0, low
    for _ in range(8):
        trial = rng.integers(low, high)
        share = float(_window(mask, trial, wanted)[::4, ::4, ::4].mean())
        if share > best:
            best, start = share, trial
        if share > 0.3:
            break
    return start


def _window(image: NDArray[Any], start: NDArray[np.int_], size: NDArray[np.int_]) -> NDArray[Any]:
    """Return ``image[start : start + size]``, zero where that lies outside of the image."""
    low = np.clip(start, 0, image.shape)
    high = np.clip(start + size, 0, image.shape)
    part = image[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    pads = [(a - s, s + n - b) for a, s, n, b in zip(low, start, size, high, strict=True)]
    return np.pad(part, pads)


def _downsampled(image: NDArray[Any], factor: int) -> NDArray[Any]:
    """Return the image at a coarser resolution: means of floats, samples of labels and masks."""
    if not np.issubdtype(image.dtype, np.floating):
        return image[::factor, ::factor, ::factor]
    x, y, z = (n // factor for n in image.shape)
    blocks = image.reshape(x, factor, y, factor, z, factor)
    return np.asarray(blocks.mean((1, 3, 5), dtype=np.float32))


def _contrast(rng: np.random.Generator, labels: NDArray[np.uint8]) -> Float:
    """Return an offset for each tissue, softened over the borders as partial volume is."""
    offsets = rng.normal(0, 10 ** rng.uniform(-2.3, -1.2), 256).astype(np.float32)
    blurred = ndimage.gaussian_filter(offsets[labels], 0.6, truncate=2.0)
    return np.asarray(blurred, np.float32)
