"""Iron of the deep grey nuclei by age, as published, and the susceptibility that it makes."""

from __future__ import annotations

import math

from qsmbids.regions.parcellation import without_side

_IRON = {
    "caudate": (9.66, 0.05, 0.33),
    "putamen": (14.62, 0.04, 0.46),
    "pallidum": (21.41, 0.09, 0.37),
}
_PPM_OF_IRON = 1.10e-2
"""Of 1 mg in 100 g of wet tissue: 1.10 (+- 0.08) ppb for each microgram in a gram."""


def iron(region: str, age: float) -> float | None:
    """Return the non-haem iron of a nucleus in mg in 100 g of wet tissue.

    Parameters
    ----------
    region : str
        Its name, with or without a side; None comes back for one that has no published curve.
    age : float
        In years.

    References
    ----------
    Hallgren and Sourander, J Neurochem 3:41 (1958), measured after death.

    >>> round(iron("left pallidum", 30), 2)
    20.34
    """
    constants = _IRON.get(without_side(region))
    if constants is None or not (math.isfinite(age) and age >= 0):
        return None
    span, rate, start = constants
    return span * (1 - math.exp(-rate * age)) + start


def susceptibility_of(iron: float) -> float:
    """Return the susceptibility in ppm that ferritin's iron adds to a tissue without any.

    Parameters
    ----------
    iron : float
        In mg in 100 g of wet tissue.

    References
    ----------
    Zheng et al., NeuroImage 78:68 (2013).
    """
    return _PPM_OF_IRON * iron
