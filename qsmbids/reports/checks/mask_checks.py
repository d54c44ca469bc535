"""What is wrong with the brain mask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf

from qsmbids.reports.checks.check import Check

_MISSING, _OUTWARD = 1.0, (-3.5, 3.0)  # percent, mm
_BRAIN_ML = (900.0, 2200.0)


def mask_checks(told: Mapping[str, float]) -> Iterator[Check]:
    """Yield whether the mask holds the brain, and nothing else."""
    if not told:
        return
    yield Check(
        "Brain that the mask lacks",
        told["missing"],
        "%",
        (-inf, _MISSING),
        above="The mask leaves out brain: a part is cut off, or there is a hole. The field of what "
        "is missing is taken for background. Look at its outline, give a whole mask, or none, for "
        "the app to find the brain.",
    )
    yield Check(
        "Mask's surface outside the brain's",
        told["outward"],
        "mm",
        _OUTWARD,
        "The mask is too small all around. Give a larger one, or none, for the app to find the "
        "brain.",
        "The mask is too large: it holds skull or air, whose field is then taken for the brain's. "
        "Give a tighter one, or none, for the app to find the brain.",
    )


def volume_checks(volume: float | None) -> Iterator[Check]:
    """Yield whether the mask has the volume of a brain."""
    if volume is not None:
        yield Check(
            "Brain mask",
            volume,
            "ml",
            _BRAIN_ML,
            "The mask holds less than an adult's brain: a slab, a crop, a child, a failed "
            "extraction, or a wrong voxel size in the header. Look at its outline.",
            "The mask holds more than any brain: the voxel size in the header is wrong, or the "
            "mask holds skull. Compare the voxel size with the protocol, and look at the outline.",
        )


def doubt_checks(told: Sequence[str]) -> Iterator[Check]:
    """Yield whether the mask was doubtful when it was made."""
    if told:
        yield Check("Doubts about the brain mask", float(len(told)), "", (-inf, 0), above=told[0])
