"""Total variation with a network's map as the prior."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qsmbids.array_types import Float
from qsmbids.inversion.network import network
from qsmbids.inversion.network_results import with_uncertainty
from qsmbids.inversion.reconstruction import Reconstruction
from qsmbids.inversion.refinement import (
    STANDARD,
    RefineOptions,
    around,
    refine,
    strong_sources,
)
from qsmbids.physics.problem import Problem

# Between these shares of the smooth field unexplained, a second network comes in. Of simulated
# heads 0.05 to 0.07 stay unexplained, after JDF 0.13 to 0.14, where errors have half of the
# field's size 0.2 to 0.28; of a field measured at 3 T and 1 mm it is 0.32.
LITTLE, MUCH = 0.2, 0.3
SIZE = 0.0076  # ppm, mean absolute value of that field


def network_tv(
    problem: Problem,
    *,
    weights: str = "dcnet",
    second: str = "qsminvnet+",
    share: float = 0.5,
    how: RefineOptions = STANDARD,
    memory_gb: float = 3.0,
    uncertainty: bool = True,
) -> Reconstruction:
    r"""Apply a network, then fit the field with the least total variation around its map.

    Minimises :math:`\frac12 \|W (D\chi - f)\|^2 + \lambda \sum |G\chi|
    + \frac{\beta}{2} \|M (\chi - \chi_{net})\|^2`, M being the mask. Total variation alone is
    the better the truer the field is to the dipole model; the network alone withstands errors of
    the model. Beta follows what the network could not explain of the field's smooth part.

    Networks leave shadows around a haemorrhage or a calcification; total variation does not.
    Sources as strong as those are taken from a rough map: the network is then given the
    field without theirs, and they are added to what it makes of that. So is it given the field
    without that of sources outside the mask, which a background removal leaves.

    Where much of the field stays unexplained, it holds what no simulation has taught the network.
    The errors of a network of another family are others: the map is then the mean with that of a
    second one.

    Parameters
    ----------
    problem : Problem
        With the local field.
    weights, second : str
        Path of a weights file, or the name of one that the package ships.
    share : float
        Of the second network's map in the mean, 0 to 1, at the most: from 0 to that where 20 to
        30 % of the smooth field are unexplained. With 0 there is no second network.
    how : RefineOptions
        Of the fit around the network's map.
    memory_gb : float
        What a network may take at once; a larger volume goes through it in tiles.
    uncertainty : bool
        Estimate how far the map may be off too, see `qsmbids.inference.predict_uncertainty`.

    Returns
    -------
    Reconstruction
        Susceptibility in ppm, which weights made the prior, and the trust in it.

    Raises
    ------
    InputError
        If the weights cannot be used.
    ValueError
        If an option is out of range, or the mask is too small for a network.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"the share of the second network must be from 0 to 1, not {share}")
    if not memory_gb > 0:
        raise ValueError("memory_gb must be positive")
    runs: dict[str, Reconstruction] = {}

    def solve(part: Float, name: str = weights) -> Float:
        given = replace(problem, field=part)
        runs[name] = network(given, weights=name, memory_gb=memory_gb, uncertainty=False)
        return runs[name].chi

    chi, inner, details = refine(solve, problem, how)
    details = {**runs[weights].details, **details}
    part = second_share(details["UnexplainedField"], share)
    if part:
        sources = strong_sources(chi, problem.mask, how.strong)
        # a network without units of its own gets a field of the size that it was tried with
        unit = np.float32(np.abs(problem.field[problem.mask]).mean() / SIZE)
        other = around(lambda field: unit * solve(field / unit, second), inner, sources)
        chi = (1 - part) * chi + part * other
        details["SecondNetwork"] = {
            "Share": round(float(part), 3),
            **runs[second].details["Weights"],
        }
    found = Reconstruction(chi, details=details)
    return with_uncertainty(found, problem) if uncertainty else found


def second_share(unexplained: float, most: float) -> np.float32:
    """Return the share of a second network's map, of which there is ``most`` at the most.

    Parameters
    ----------
    unexplained : float
        See `unexplained_field`.
    most : float
        From 0 to 1.
    """
    return np.float32(most * np.clip((unexplained - LITTLE) / (MUCH - LITTLE), 0, 1))
