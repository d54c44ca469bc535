"""Noise of the signal, and what it does to the phase and to the magnitude."""

from __future__ import annotations

import numpy as np

from qsmbids.array_types import Float
from qsmbids.training.data.random_fields import SmoothNoise

RADIANS = np.float32(16)  # of phase a ppm: 3 T and an echo time of 20 ms


def random_magnitude(
    rng: np.random.Generator, noise: SmoothNoise, chi: Float, field: Float
) -> Float:
    """Return a magnitude (0..1] that varies smoothly and drops in and around strong sources.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    noise : SmoothNoise
        On the same grid.
    chi : (x, y, z) float32 array
        Susceptibility in ppm.
    field : (x, y, z) float32 array
        Its field in units of its standard deviation.
    """
    smooth = np.float32(rng.uniform(0.05, 0.25)) * noise(rng.uniform(5, 15))
    detail = np.float32(rng.uniform(0.02, 0.1)) * noise(rng.uniform(0.8, 2))
    decay = np.float32(rng.uniform(0.02, 0.3)) * np.abs(field)
    decay += np.float32(rng.uniform(0, 2.5)) * np.abs(chi)
    image: Float = np.clip((np.float32(0.8) + smooth + detail) * np.exp(-decay), 0.05, 1.0)
    return image


def add_noise(
    rng: np.random.Generator,
    noise: SmoothNoise,
    field: Float,
    magnitude: Float,
    most: float,
    quiet: float,
) -> tuple[Float, Float]:
    """Return field and magnitude that a noisy signal gives.

    Complex noise, a little correlated, is added to the signal: the magnitude becomes Rician,
    and the phase's error grows, beyond a Gaussian's, where the magnitude is low.

    Parameters
    ----------
    most : float
        Standard deviation of the field's noise in ppm at full magnitude, at most.
    quiet : float
        The least noise as a share of the most.
    """
    size = np.float32(RADIANS * most * quiet ** rng.random())
    share = np.float32(rng.uniform(0, 0.7))
    parts = []
    for _ in range(2):
        white = rng.standard_normal(magnitude.shape, dtype=np.float32)
        white += share * noise(rng.uniform(0.5, 1.2))
        parts.append(size / np.sqrt(1 + share**2) * white)
    real = magnitude + parts[0]
    error = np.arctan2(parts[1], real) / RADIANS
    return field + error, np.minimum(np.hypot(real, parts[1]), 1)
