"""What a scanner does to the image of a head: coils, resolution, signal loss, artefacts, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft as sf
from scipy import ndimage

from qsmbids.array_types import Float, Mask
from qsmbids.inference.predict_brain import normalised


@dataclass(frozen=True)
class Acquisition:
    """How far synthesised acquisitions vary.

    Parameters
    ----------
    receive : float
        Largest natural logarithm of the ratio of coil sensitivities across the head.
    in_plane : (2,) tuple of float
        Range of the resolution in mm.
    slices : (2,) tuple of float
        Range of the thickness of slices in mm, where there are slices.
    sliced, gibbs, ghosts, voids, cropped : float
        Shares of the images with thick slices, truncated k-space, ghosts, signal lost near
        cavities, and a field of view that cuts the head.
    noise : float
        Largest standard deviation of the noise, relative to the brightest tissue.
    """

    receive: float = 2.5
    in_plane: tuple[float, float] = (0.5, 4.0)
    slices: tuple[float, float] = (2.0, 10.0)
    sliced: float = 0.4
    gibbs: float = 0.3
    ghosts: float = 0.2
    voids: float = 0.5
    cropped: float = 0.35
    noise: float = 0.08


def acquired(
    rng: np.random.Generator, image: Float, distance: Float, edge: float, how: Acquisition
) -> tuple[Float, Mask]:
    """Return the image as a scanner gives it, scaled to its 99th percentile, and its field of view.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws all that is random.
    image : (x, y, z) float32 array
        Not negative; changed in place.
    distance : (x, y, z) float32 array
        Signed distance to the brain's surface in mm, negative inside; signal is lost near it.
    edge : float
        Edge of the voxels in mm.
    how : Acquisition
        How far to go.
    """
    image *= _sensitivity(rng, image.shape, how)
    if rng.random() < how.voids:
        _lose_signal(rng, image, distance, edge)
    if rng.random() < how.ghosts:
        axis = int(rng.integers(3))
        shift = image.shape[axis] // int(rng.choice((2, 2, 3)))
        image += np.float32(rng.uniform(0.02, 0.2)) * np.roll(image, shift, axis)
    image = _resolved(rng, image, edge, how)
    view = _field_of_view(rng, image.shape, distance, edge, how)
    bright = max(float(np.quantile(image, 0.99)), 1e-6)
    sd = np.float32(bright * how.noise * rng.random() ** 2)
    real = image + sd * rng.standard_normal(image.shape, dtype=np.float32)
    image = np.hypot(real, sd * rng.standard_normal(image.shape, dtype=np.float32))
    if rng.random() < 0.2:  # some reconstructions show no background
        image[image < bright * rng.uniform(0.01, 0.08)] = 0
    image = np.where(view, image, 0)
    return normalised(image) ** np.float32(rng.uniform(0.75, 1.3)), view


def _sensitivity(rng: np.random.Generator, shape: tuple[int, ...], how: Acquisition) -> Float:
    """Return a smooth receive sensitivity: a slope, a bright rim or centre, and a little more."""
    x, y, z = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    grid = (x[:, None, None], y[None, :, None], z[None, None, :])
    slope = rng.normal(0, 1, 3)
    slope *= how.receive * rng.random() ** 2 / (2 * np.linalg.norm(slope))
    logs = np.zeros(shape, np.float32)
    for steepness, part in zip(slope, grid, strict=True):
        logs += np.float32(steepness) * part
    radius = grid[0] ** 2 + grid[1] ** 2 + grid[2] ** 2
    logs += np.float32(how.receive / 2 * rng.uniform(-0.4, 1) * rng.random()) * radius
    for _ in range(2):
        turn, phase = rng.normal(0, 2.0, 3), rng.uniform(0, 2 * np.pi)
        wave = sum(np.float32(t) * part for t, part in zip(turn, grid, strict=True))
        logs += np.float32(0.25 * rng.random()) * np.cos(wave + np.float32(phase))
    return np.asarray(np.exp(logs), np.float32)


def _lose_signal(rng: np.random.Generator, image: Float, distance: Float, edge: float) -> None:
    """Darken one to four places at the lower surface of the brain."""
    surface = np.argwhere(np.abs(distance) < 6)
    if not len(surface):
        return
    low = surface[surface[:, 2] <= np.quantile(surface[:, 2], 0.4)]
    parts = np.ogrid[tuple(slice(0, n) for n in image.shape)]
    for _ in range(rng.integers(1, 5)):
        centre, sigma = low[rng.integers(len(low))], rng.uniform(5, 18) / edge
        away = sum(((p - c) / sigma) ** 2 for p, c in zip(parts, centre, strict=True))
        image *= (1 - rng.uniform(0.4, 1) * np.exp(-away / 2)).astype(np.float32)


def _resolved(rng: np.random.Generator, image: Float, edge: float, how: Acquisition) -> Float:
    """Return the image at a random resolution in plane and, in a share, in thick slices."""
    fine = np.exp(rng.uniform(*np.log(how.in_plane)))
    lengths = np.full(3, fine)
    sliced = int(rng.integers(3)) if rng.random() < how.sliced else None
    if sliced is not None:
        lengths[sliced] = max(rng.uniform(*how.slices), fine)
    gibbs = rng.random() < how.gibbs
    for axis, length in enumerate(lengths):
        if axis == sliced and length > 1.5 * edge:
            image = _in_slices(rng, image, axis, length / edge)
        elif length > edge and gibbs:
            image = _truncated(image, axis, edge / length)
        elif length > edge:
            image = ndimage.gaussian_filter1d(image, 0.42 * length / edge, axis)
    return np.asarray(np.clip(image, 0, None), np.float32)


def _in_slices(rng: np.random.Generator, image: Float, axis: int, thickness: float) -> Float:
    """Average over slices, and interpolate between their middles as reading thick slices does."""
    size = image.shape[axis]
    blurred = ndimage.uniform_filter1d(image, max(round(thickness), 1), axis)
    middles = np.arange(rng.uniform(0, thickness), size, thickness)
    place = np.clip(np.interp(np.arange(size), middles, np.arange(len(middles))), 0, None)
    low = place.astype(int)
    share = (place - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
    slices = np.take(blurred, np.minimum(np.rint(middles).astype(int), size - 1), axis)
    high = np.take(slices, np.minimum(low + 1, len(middles) - 1), axis)
    return np.asarray((1 - share) * np.take(slices, low, axis) + share * high)


def _truncated(image: Float, axis: int, share: float) -> Float:
    """Cut off high frequencies along an axis, which rings at edges."""
    spectrum = sf.rfft(image, axis=axis)
    kept = max(2, int(spectrum.shape[axis] * share))
    cut = [slice(None)] * 3
    cut[axis] = slice(kept, None)
    spectrum[tuple(cut)] = 0
    return np.asarray(np.abs(sf.irfft(spectrum, image.shape[axis], axis=axis)), np.float32)


def _field_of_view(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    distance: Float,
    edge: float,
    how: Acquisition,
) -> Mask:
    """Return where the image was taken: all, or a box or slab that holds a part of the brain."""
    view = np.ones(shape, bool)
    if rng.random() >= how.cropped:
        return view
    inside = np.argwhere(distance < 0)
    if not len(inside):
        return view
    for axis in rng.permutation(3)[: rng.integers(1, 3)]:
        low, high = np.quantile(inside[:, axis], (0.02, 0.98))
        least = min(25 / edge, high - low)
        begin = rng.uniform(low - 30 / edge, high - least)
        end = rng.uniform(max(begin, low) + least, high + 30 / edge)
        keep = np.zeros(shape[axis], bool)
        keep[max(round(begin), 0) : max(round(end), 1)] = True
        view &= keep.reshape([-1 if a == axis else 1 for a in range(3)])
    return view
