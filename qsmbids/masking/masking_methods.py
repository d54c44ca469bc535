"""The methods of brain extraction by name; imports nothing but the registry."""

from __future__ import annotations

from qsmbids.registry import Method, Registry

METHODS = Registry(
    "brain extraction",
    {
        "network": Method(
            "qsmbids.masking.brain_network:network",
            "Brain network",
            "by a network trained on images synthesised from label maps of whole heads",
            ("hoopes2022",),
        ),
        "hd-bet": Method(
            "qsmbids.masking.hdbet:hd_bet",
            "HD-BET",
            "by one fold of HD-BET",
            ("isensee2019",),
        ),
        "none": Method(
            "qsmbids.masking.extraction:every_signal",
            "Signal threshold",
            "by Otsu's threshold, as every voxel with signal",
            ("otsu1979",),
        ),
    },
)
