"""The ways to unwrap phase and to fit the field over echoes, by name."""

from __future__ import annotations

from qsmbids.registry import Method, Registry

UNWRAPPING = Registry(
    "unwrapping",
    {
        "best-path": Method(
            "qsmbids.phase.unwrapping:best_path",
            "Best path",
            "by a best-path algorithm that follows the most reliable voxels first",
            ("herraez2002", "abdulrahman2007"),
        ),
        "laplacian": Method(
            "qsmbids.phase.unwrapping:laplacian",
            "Laplacian",
            "by inverting the Laplacian of the phase",
            ("schofield2003",),
        ),
    },
)

FITS = Registry(
    "field fit",
    {
        "linear": Method(
            "qsmbids.phase.fits:linear_fit",
            "Weighted linear fit",
            "by a magnitude-weighted linear fit of the phase over echo times",
            ("robinson2017",),
        ),
        "nonlinear": Method(
            "qsmbids.phase.fits:nonlinear_fit",
            "Nonlinear complex fit",
            "by a nonlinear least-squares fit of the complex signal over echo times",
            ("liu2013",),
        ),
    },
)
