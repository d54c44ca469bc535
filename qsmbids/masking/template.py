"""Brain extraction: the fitted surface of a template's brain, sharpened by the signal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from qsmbids.masking.brain import ExtractionError
from qsmbids.masking.morphology import Mask, closing, fill_holes, largest_component, opening
from qsmbids.masking.signal import threshold
from qsmbids.masking.surface import (
    Floats,
    Image,
    Matrix,
    fit_affine,
    fit_depth,
    template_surface,
)

_WORK = 2.0  # mm, the edge that the image is averaged to
_BIAS = 20.0  # mm, what varies more slowly is B1
_SMALLEST_VIEW = 90.0  # mm: the second longest side of a field of view that can show a brain
_THINNEST_SLAB = 30.0  # mm
_VOLUME = (600.0, 2500.0)  # ml, of the whole fitted brain, in the field of view or not
_LEAST_OUTLINE = 0.7  # of the surface in view must be at a drop in signal
_TEMPLATE_VOLUME = 1885.0  # ml


def template(magnitude: Floats, *, voxel_size: Sequence[float], affine: Matrix) -> Mask:
    """Return the brain found by fitting the template's surface.

    Parameters
    ----------
    magnitude : (x, y, z) float32 array
        Non-negative.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.
    affine : (4, 4) array
        From voxel indices to scanner millimetres.

    Returns
    -------
    (x, y, z) bool array
        The brain, one piece without holes.

    Raises
    ------
    ExtractionError
        If the field of view is too small or the fit is implausible.

    See Also
    --------
    qsmbids.masking.surface : the model and its sources.
    """
    _check_view(magnitude.shape, voxel_size)
    image = _prepare(magnitude, voxel_size, affine)
    surface = template_surface()
    transform, outlined = fit_affine(surface, image)
    _check_fit(transform, outlined)
    brain = _refine(fit_depth(surface, image, transform), image)
    if not brain.any():
        raise ExtractionError("Brain extraction found no brain.")
    return _enlarge(brain, magnitude.shape, image.factors)


def _check_view(shape: Sequence[int], voxel_size: Sequence[float]) -> None:
    view = [n * edge for n, edge in zip(shape, voxel_size, strict=True)]
    thin, middle, _ = sorted(view)
    if thin < _THINNEST_SLAB or middle < _SMALLEST_VIEW:
        size = " x ".join(f"{length:.0f}" for length in view)
        raise ExtractionError(f"The field of view ({size} mm) is too small to extract a brain.")


def _check_fit(transform: Matrix, outlined: float) -> None:
    volume = _TEMPLATE_VOLUME * float(np.linalg.det(transform[:3, :3]))
    if not _VOLUME[0] <= volume <= _VOLUME[1]:
        raise ExtractionError(f"Brain extraction found an implausible volume of {volume:.0f} ml.")
    if outlined < _LEAST_OUTLINE:
        raise ExtractionError("Brain extraction found no outline that looks like a brain's.")


def _prepare(magnitude: Floats, voxel_size: Sequence[float], affine: Matrix) -> Image:
    """Average to about 2 mm, find the signal, divide out B1."""
    factors = tuple(max(1, round(_WORK / edge)) for edge in voxel_size)
    small = _average(magnitude, factors)
    scale = np.diag([*map(float, factors), 1.0])
    scale[:3, 3] = (np.array(factors) - 1) / 2
    edges = tuple(edge * factor for edge, factor in zip(voxel_size, factors, strict=True))
    smooth = ndimage.gaussian_filter(small, [1.0 / edge for edge in edges])
    signal = smooth > threshold(smooth[smooth > 0])
    return Image(_flatten(small, signal, edges), signal, affine @ scale, edges, factors)


def _average(volume: Floats, factors: Sequence[int]) -> Floats:
    """Return block means; the last block of an axis is completed with its last voxel."""
    pad = [(0, -n % factor) for n, factor in zip(volume.shape, factors, strict=True)]
    padded = np.pad(volume, pad, mode="edge") if any(after for _, after in pad) else volume
    blocks = [m for n, f in zip(padded.shape, factors, strict=True) for m in (n // f, f)]
    return np.asarray(padded.reshape(blocks).mean(axis=(1, 3, 5), dtype=np.float32))


def _flatten(image: Floats, signal: Mask, edges: Sequence[float]) -> Floats:
    """Divide out the slow variation of the log intensity over the voxels with signal."""
    sigma = [_BIAS / edge for edge in edges]
    share = ndimage.gaussian_filter(signal.astype(np.float32), sigma, truncate=2.5)
    logs = np.log(np.maximum(image, np.finfo(np.float32).tiny))
    for _ in range(2):
        smooth = ndimage.gaussian_filter(np.where(signal, logs, 0), sigma, truncate=2.5)
        bias = smooth / np.maximum(share, np.float32(1e-3))
        flat = image * np.exp(-bias)
        # bright fat and dark skull pull the mean: clip them and take it again
        logs = np.log(np.clip(flat, 0.3, 1.5)) + bias
    return np.asarray(np.clip(flat, 0, 2), dtype=np.float32)


def _refine(depth: Floats, image: Image) -> Mask:
    """Let the signal decide near the surface: half the tissue's is the edge to the skull."""
    core = depth < -8.0
    tissue = image.signal & (image.flat > 0.5) & (depth < 1.0)
    kept = largest_component(opening(tissue | core, 4.0, image.edges) | core)
    return fill_holes(closing(kept, 4.0, image.edges) & (depth < 1.0))


def _enlarge(brain: Mask, shape: Sequence[int], factors: Sequence[int]) -> Mask:
    """Bring the mask to the full grid with a smooth outline, one axis after the other."""
    volume = ndimage.gaussian_filter(brain.astype(np.float32), 0.7, mode="nearest")
    for axis, (length, factor) in enumerate(zip(shape, factors, strict=True)):
        last = volume.shape[axis] - 1
        place = np.clip((np.arange(length) - (factor - 1) / 2) / factor, 0, last)
        low = place.astype(int)
        form = [-1 if other == axis else 1 for other in range(3)]
        share = (place - low).astype(np.float32).reshape(form)
        here, after = (np.take(volume, i, axis) for i in (low, np.minimum(low + 1, last)))
        volume = here + (after - here) * share
    return np.asarray(volume > 0.5)
