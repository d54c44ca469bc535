"""Tissue values, and the maps that are painted with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from qsmbids.array_types import Float
from qsmbids.simulation.head_grid import Box


@dataclass(frozen=True)
class Tissue:
    """One tissue's values.

    Attributes
    ----------
    label : int
        Its value in ``Head.labels``.
    chi : float
        Susceptibility in ppm relative to water.
    s0 : float
        Signal at echo time zero, 1 for water with a mild T1 weighting.
    r2 : float
        Decay rate in 1/s at 0 T, without the share that susceptibility makes.
    r2_per_tesla : float
        Its growth with B0 in 1/s/T, with the share that `mixed` makes.
    relaxivity : float
        Decay rate in 1/s that 1 ppm of susceptibility adds at 1 T.
    mixed : float
        Susceptibility in ppm that sources of either sign have and that cancels in ``chi``, as of
        iron and myelin in one voxel: ``chi`` above 0 is ``chi + mixed`` less ``mixed``.
    """

    label: int
    chi: float
    s0: float
    r2: float
    r2_per_tesla: float
    relaxivity: float = 43.0  # 130 1/s/ppm at 3 T
    mixed: float = 0.0


# Susceptibility: Duyn and Schenck, NMR Biomed 30:e3546 (2017); iron-rich nuclei as in Langkammer
# et al., NeuroImage 62:1593 (2012). Rates: Peters et al., MRM 57:1146 (2007), between 1.5 and 7 T.
# What cancels is chosen so that an R2 of 11 to 13 1/s is left at 3 T.
TISSUES: dict[str, Tissue] = {
    "air": Tissue(0, 9.4, 0.0, 0.0, 0.0, 0.0),
    "white matter": Tissue(1, -0.03, 0.72, 10.0, 2.0, mixed=0.012),
    "grey matter": Tissue(2, 0.02, 0.80, 9.0, 1.8, mixed=0.010),
    "fluid": Tissue(3, 0.0, 0.62, 1.0, 0.4),
    "caudate": Tissue(4, 0.05, 0.78, 10.0, 1.8, mixed=0.015),
    "putamen": Tissue(5, 0.06, 0.77, 10.0, 1.8, mixed=0.015),
    "pallidum": Tissue(6, 0.17, 0.70, 10.0, 2.0, mixed=0.015),
    "thalamus": Tissue(7, 0.01, 0.76, 10.0, 1.8, mixed=0.018),
    "substantia nigra": Tissue(8, 0.13, 0.72, 10.0, 2.0, mixed=0.015),
    "red nucleus": Tissue(9, 0.10, 0.72, 10.0, 2.0, mixed=0.015),
    "dentate": Tissue(10, 0.10, 0.74, 10.0, 2.0, mixed=0.015),
    "vein": Tissue(11, 0.32, 0.70, 5.0, 5.0),
    "calcification": Tissue(12, -2.2, 0.06, 40.0, 10.0),
    "haemorrhage": Tissue(13, 1.5, 0.55, 20.0, 6.0),
    "bone": Tissue(14, -2.0, 0.10, 300.0, 20.0),
    "marrow": Tissue(15, 0.3, 0.55, 40.0, 8.0, 0.0),
    "fat": Tissue(16, 0.6, 1.00, 15.0, 3.0, 0.0),
    "muscle": Tissue(17, 0.0, 0.55, 15.0, 3.0),
}


class Canvas:
    """The maps of a head under construction.

    Attributes
    ----------
    chi, s0, r2star : (x, y, z) float32
        Susceptibility in ppm, signal, decay rate in 1/s; water without decay at first.
    paramagnetic : (x, y, z) float32
        What of the susceptibility is of positive sources, in ppm.
    labels : (x, y, z) uint8
        The tissue painted last with more than half of the voxel.
    """

    def __init__(self, shape: tuple[int, ...], field_strength: float):
        self.field_strength = field_strength
        self.chi = np.zeros(shape, np.float32)
        self.s0 = np.zeros(shape, np.float32)
        self.r2star = np.zeros(shape, np.float32)
        self.paramagnetic = np.zeros(shape, np.float32)
        self.labels = np.zeros(shape, np.uint8)

    def paint(
        self,
        name: str,
        share: Float,
        box: Box = (slice(None), slice(None), slice(None)),
        *,
        chi: ArrayLike | None = None,
        s0: ArrayLike | None = None,
    ) -> None:
        """Fill ``share`` (0..1) of the voxels in ``box`` with a tissue, in place of what is there.

        Parameters
        ----------
        name : str
            A key of ``TISSUES``.
        share : array
            Of the box's shape.
        box : tuple of slice
            Where; everywhere by default.
        chi, s0 : float or array, optional
            Instead of the tissue's own value.
        """
        tissue = TISSUES[name]
        chi_value: Float = np.asarray(tissue.chi if chi is None else chi, np.float32)
        s0_value: Float = np.asarray(tissue.s0 if s0 is None else s0, np.float32)
        own_rate = np.float32(tissue.r2 + tissue.r2_per_tesla * self.field_strength)
        iron: Float = np.float32(tissue.relaxivity * self.field_strength) * np.abs(chi_value)
        positive = np.maximum(chi_value, 0) + np.float32(tissue.mixed)
        values = (chi_value, s0_value, own_rate + iron, positive)
        images = (self.chi, self.s0, self.r2star, self.paramagnetic)
        for image, value in zip(images, values, strict=True):
            part = image[box]
            part += share * (value - part)
        self.labels[box][share > 0.5] = tissue.label
