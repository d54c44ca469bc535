"""The methods of background removal by name; adding one is one entry here and one file beside it.

A method takes a `qsmbids.physics.Problem` with the total field and its own options by keyword, and
returns the local field (x, y, z) in ppm as float32 and the mask in which it is valid.
"""

from qsmbids.registry import Method, Registry

DEFAULT = "jdf"

METHODS = Registry(
    "background removal",
    {
        "resharp": Method(
            "qsmbids.background.resharp:resharp",
            "RESHARP",
            "by the regularised deconvolution of spherical mean values",
            ("sun2014",),
        ),
        "vsharp": Method(
            "qsmbids.background.vsharp:vsharp",
            "V-SHARP",
            "by spherical mean values of variable radius and their truncated deconvolution",
            ("schweser2011", "wu2012"),
        ),
        "pdf": Method(
            "qsmbids.background.pdf:pdf",
            "Projection onto dipole fields",
            "by projection onto the fields of dipoles outside the mask",
            ("liu2011",),
        ),
        "jdf": Method(
            "qsmbids.background.jdf:jdf",
            "Joint dipole fit",
            "by a joint fit of dipoles inside and outside the mask",
            ("liu2017", "liu2011"),
        ),
        "lbv": Method(
            "qsmbids.background.lbv:lbv",
            "Laplacian boundary value",
            "by solving Laplace's equation with the field on the mask's surface as boundary value",
            ("zhou2014",),
        ),
    },
)
