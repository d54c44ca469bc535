"""The template to which heads are registered, and the atlas of deep grey nuclei drawn on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Float
from qsmbids.regions.draw import NUCLEI
from qsmbids.regions.parcellation import Parcellation
from qsmbids.registration import Channel, Warp, register_affine, register_classes, without_coil
from qsmbids.simulation.atlas import load_atlas
from qsmbids.simulation.tissues import TISSUES

ATLAS_FILE = Path(__file__).resolve().parents[1] / "data" / "atlas" / "deepgrey_dseg.nii.gz"

CHI_LIMITS = (-0.12, 0.22)
"""Susceptibility in ppm beyond which a voxel is vein or lesion, which no template has."""
MAGNITUDE_LEVELS = ((4.0, 20, 1), (2.0, 10, 1))
CHI_LEVELS = ((4.0, 20, 1), (2.0, 20, 2), (1.5, 10, 1))
BRIDGE_LEVELS = ((4.0, 20, 1), (2.0, 20, 1))
"""Spacing in mm, steps, rounds: see `Channel`."""
SHADES = 8
"""Classes of another template, by its T1-weighted intensity."""


@dataclass(frozen=True, eq=False)
class Template:
    """A head of which it is known what is where.

    Attributes
    ----------
    t1 : (x, y, z) float32 array
        T1-weighted intensity of the brain, 0 outside.
    classes : (x, y, z) uint8 array
        Labels of `qsmbids.simulation.TISSUES`.
    affine : (4, 4) float64 array
        Voxel to world.
    """

    t1: Float
    classes: NDArray[np.uint8]
    affine: NDArray[np.float64]

    @property
    def brain(self) -> NDArray[np.bool_]:
        """Where the brain is."""
        return self.classes > 0


def template(regions: Parcellation) -> Template:
    """Return the template with the nuclei of an atlas on its grid as classes of their own."""
    atlas = load_atlas()
    brain = atlas.t1 > 0.15
    grey = np.where(
        atlas.wm > atlas.gm, TISSUES["white matter"].label, TISSUES["grey matter"].label
    )
    classes = np.where(atlas.t1 < 0.5, TISSUES["fluid"].label, grey).astype(np.uint8)
    for name in NUCLEI:
        classes[regions.where(name)] = TISSUES[name].label
    affine = np.eye(4)
    affine[:3, 3] = atlas.origin
    return Template(np.where(brain, atlas.t1, np.float32(0)), np.where(brain, classes, 0), affine)


@lru_cache(maxsize=1)
def typical_values() -> Mapping[int, float]:
    """Return the susceptibility in ppm of each nucleus relative to white matter, by its class."""
    white = TISSUES["white matter"].chi
    return {TISSUES[name].label: TISSUES[name].chi - white for name in NUCLEI}


def register_to_template(
    target: Template,
    magnitude: Float,
    brain: NDArray[np.bool_],
    affine: NDArray[np.float64],
    *,
    chi: Float | None = None,
    known: NDArray[np.bool_] | None = None,
    threads: int = 1,
) -> Warp:
    """Return the warp from a participant's world to the template's.

    Affine by mutual information of the magnitude and the template, then nonlinear by the
    magnitude, then by susceptibility, which shows the deep nuclei best.

    Parameters
    ----------
    target : Template
        As `template` returns it.
    magnitude : (x, y, z) float32 array
        Of any contrast.
    brain : (x, y, z) bool array
        The brain in it.
    affine : (4, 4) float64 array
        Voxel to world.
    chi : (x, y, z) float32 array, optional
        In ppm.
    known : (x, y, z) bool array, optional
        Where it is known; in the whole brain by default.
    threads : int
        They do not change the result.
    """
    start = register_affine(
        magnitude,
        target.t1,
        fixed_affine=affine,
        moving_affine=target.affine,
        fixed_mask=brain,
        moving_mask=target.brain,
    )
    flat = np.where(brain, without_coil(magnitude, brain, affine), np.float32(0))
    channels = [Channel(flat, MAGNITUDE_LEVELS)]
    if chi is not None:
        inside = np.where(brain if known is None else known, np.clip(chi, *CHI_LIMITS), 0)
        channels.append(Channel(inside.astype(np.float32), CHI_LEVELS, typical_values()))
    return register_classes(
        channels,
        target.classes,
        affine=affine,
        classes_affine=target.affine,
        start=start,
        threads=threads,
    )


def register_template(
    target: Template, t1: Float, affine: NDArray[np.float64], threads: int
) -> Warp:
    """Return the warp from the world of the template to that of another one.

    Parameters
    ----------
    target : Template
        As `template` returns it.
    t1 : (x, y, z) float32 array
        T1-weighted image of the other template's brain, zero outside.
    affine : (4, 4) float64 array
        Voxel to world of that.
    threads : int
        They do not change the result.
    """
    start = register_affine(
        target.t1,
        t1,
        fixed_affine=target.affine,
        moving_affine=affine,
        fixed_mask=target.brain,
        moving_mask=t1 > 0,
    )
    steps = np.quantile(t1[t1 > 0], np.linspace(0, 1, SHADES + 1)[1:-1])
    classes = np.where(t1 > 0, 1 + np.searchsorted(steps, t1), 0).astype(np.uint8)
    return register_classes(
        [Channel(target.t1, BRIDGE_LEVELS)],
        classes,
        affine=target.affine,
        classes_affine=affine,
        start=start,
        threads=threads,
    )
