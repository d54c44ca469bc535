"""The images that the cases take: a simulated head, enlarged to any cubic grid.

Simulating a head on the finest grids would take longer than all the cases together. The head is
therefore simulated once, on a coarse grid, and its smooth images are interpolated; phase and
noise are made on the target grid, so that wraps and noise are those of its voxels.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from qsmbids.physics import DipoleConvolution, bounding_box, forward_field, hz_per_ppm
from qsmbids.simulation import Head, HeadRecipe, simulate_head

COARSE = 72
EDGE = 216.0  # mm, of the field of view
SNR = 100.0
ECHO_TIMES = (0.004, 0.012, 0.020)
FIELD_STRENGTH = 3.0
TILTS = (-20.0, 0.0, 20.0)  # degrees about x, for the methods that take several orientations

Float = np.ndarray


def simulate() -> Head:
    """Return the head on the coarse grid, without noise."""
    recipe = HeadRecipe(
        shape=(COARSE,) * 3,
        voxel_size=(EDGE / COARSE,) * 3,
        field_strength=FIELD_STRENGTH,
        echo_times=ECHO_TIMES,
        snr=math.inf,
    )
    return simulate_head(recipe)


def write(head: Head, size: int, folder: Path) -> dict[str, int]:
    """Write the images on a grid of ``size`` voxels a side, and what goes with them.

    Parameters
    ----------
    head : Head
        The head on the coarse grid.
    size : int
        Voxels a side; the field of view stays the same.
    folder : Path
        Where the ``.npy`` files and ``geometry.json`` go.

    Returns
    -------
    dict
        ``voxels`` of the grid, and ``box``, the voxels of the mask's bounding box.
    """
    rng = np.random.default_rng(size)
    mask = enlarge(head.brain_mask.astype(np.float32), size) > 0.5
    total, local = enlarge(head.total_field, size), enlarge(head.local_field, size)
    magnitude = np.stack([enlarge(echo, size) for echo in head.magnitude])
    level = magnitude[0, mask].mean() / SNR
    signal = [
        _noisy(echo, np.float32(time * hz_per_ppm(FIELD_STRENGTH)) * total, level, rng)
        for echo, time in zip(magnitude, ECHO_TIMES, strict=True)
    ]
    magnitude, phase = np.stack([m for m, _ in signal]), np.stack([p for _, p in signal])
    images = {
        "phase": phase,
        "magnitude": magnitude,
        "total": total,
        "local": np.where(mask, local + 0.001 * rng.standard_normal(mask.shape, np.float32), 0),
        "tilted": np.stack([enlarge(field, size) * mask for field in _tilted(head)]),
        "chi": enlarge(head.chi_brain, size),
        "weight": np.where(mask, magnitude[1] / magnitude[1, mask].max(), 0),
    }
    for name, image in images.items():
        np.save(folder / f"{name}.npy", np.asarray(image, np.float32))
    np.save(folder / "mask.npy", mask)
    box = [side.stop - side.start for side in bounding_box(mask)]
    padded = DipoleConvolution(box, (1, 1, 1)).padded
    geometry = {
        "voxel_size": [EDGE / size] * 3,
        "affine": replace(head.recipe, shape=(size,) * 3, voxel_size=(EDGE / size,) * 3)
        .affine.tolist(),
        "b0_dirs": _directions().tolist(),
        "echo_times": ECHO_TIMES,
        "field_strength": FIELD_STRENGTH,
        "padded": padded,
    }  # fmt: skip
    (folder / "geometry.json").write_text(json.dumps(geometry))
    return {"voxels": size**3, "box": math.prod(box)}


def enlarge(image: Float, size: int) -> Float:
    """Return a cubic image interpolated linearly to ``size`` voxels a side."""
    larger: Float = ndimage.zoom(
        image, size / len(image), order=1, mode="nearest", grid_mode=True, output=np.float32
    )
    return larger


def _noisy(
    magnitude: Float, turns: Float, level: float, rng: np.random.Generator
) -> tuple[Float, Float]:
    """Return the magnitude and the wrapped phase of one echo with noise."""
    parts = []
    for wave in (np.cos, np.sin):
        part = magnitude * wave(np.float32(2 * np.pi) * turns)
        part += np.float32(level) * rng.standard_normal(magnitude.shape, np.float32)
        parts.append(part)
    return np.hypot(*parts), np.arctan2(parts[1], parts[0])


def _directions() -> np.ndarray:
    angles = np.radians(TILTS)
    return np.stack([0 * angles, np.sin(angles), np.cos(angles)], axis=1)


def _tilted(head: Head) -> list[Float]:
    return [forward_field(head.chi_brain, head.voxel_size, b0) for b0 in _directions()]
