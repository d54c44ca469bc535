"""The methods of weighting and of separation by name; imports nothing but the registry."""

from __future__ import annotations

from qsmbids.registry import Method, Registry

WEIGHTING = Registry(
    "weighting",
    {
        "swi": Method(
            "qsmbids.contrast.swi:susceptibility_weighted",
            "Susceptibility weighting",
            "by masks of the local field's phase, each echo with its own, averaged over the echoes",
            ("haacke2004", "denk2010"),
        ),
    },
)

SEPARATION = Registry(
    "separation",
    {
        "r2star": Method(
            "qsmbids.contrast.separation:by_r2star",
            "Separation by R2*",
            "by R2* of each voxel, with one R2 for the whole brain in the place of a map",
            ("shin2021", "dimov2022"),
        ),
    },
)
