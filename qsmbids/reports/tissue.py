"""Tissue told by how fast the signal decays, where nobody has segmented the head."""

from __future__ import annotations

import numpy as np

from qsmbids.bids.volume import Image
from qsmbids.reports.checks.field_checks import usual_r2star

_FLUID, _FAST = 0.4, 1.8  # of the usual R2* of a brain
_LEAST = 500  # voxels of a tissue that has a distribution


def tissues(chi: Image, r2star: Image, strength: float) -> dict[str, Image]:
    """Return the values of a map by tissue; what has too few voxels is left out.

    Parameters
    ----------
    chi : (n,) array
        Susceptibility in ppm inside the mask.
    r2star : (n,) array
        In 1/s, of the same voxels; 0 where it is not known.
    strength : float
        In tesla: R2* grows with it.
    """
    usual = usual_r2star(strength)
    known = r2star > 0
    parts = {
        "fluid (R2* is low)": known & (r2star < _FLUID * usual),
        "grey and white matter": (r2star >= _FLUID * usual) & (r2star <= _FAST * usual),
        "veins and iron (R2* is high)": r2star > _FAST * usual,
    }
    return {name: chi[part] for name, part in parts.items() if np.count_nonzero(part) >= _LEAST}
