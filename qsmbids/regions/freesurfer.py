"""The labels that FreeSurfer, FastSurfer and SynthSeg give to regions."""

from __future__ import annotations

from collections.abc import Iterable

from qsmbids.regions.parcellation import SIDES

_PAIRED = {
    (2, 41): "cerebral white matter",
    (3, 42): "cerebral cortex",
    (4, 43): "lateral ventricle",
    (5, 44): "inferior lateral ventricle",
    (7, 46): "cerebellum white matter",
    (8, 47): "cerebellum cortex",
    (10, 49): "thalamus",
    (11, 50): "caudate",
    (12, 51): "putamen",
    (13, 52): "pallidum",
    (17, 53): "hippocampus",
    (18, 54): "amygdala",
    (26, 58): "accumbens",
    (28, 60): "ventral diencephalon",
    (30, 62): "vessel",
    (31, 63): "choroid plexus",
}
_SINGLE = {
    14: "third ventricle",
    15: "fourth ventricle",
    16: "brain stem",
    24: "csf",
    77: "white matter hypointensities",
    85: "optic chiasm",
    251: "splenium",
    252: "mid posterior corpus callosum",
    253: "central corpus callosum",
    254: "mid anterior corpus callosum",
    255: "genu",
}
_CORTEX = {"left": range(1000, 2000), "right": range(2000, 3000)}


def names_of(labels: Iterable[int]) -> dict[int, str]:
    """Return the names of the labels of FreeSurfer's colour table that are regions.

    Parameters
    ----------
    labels : iterable of int
        Those that an image holds. Labels of cortical parcellations, above 1000, are called
        cortex with their number; those that the table does not know are left out.
    """
    there = set(labels)
    known = dict(_SINGLE)
    for pair, name in _PAIRED.items():
        known |= {label: f"{side} {name}" for side, label in zip(SIDES, pair, strict=True)}
    for side, numbers in _CORTEX.items():
        known |= {label: f"{side} cortex {label}" for label in there.intersection(numbers)}
    return {label: known[label] for label in sorted(there & known.keys())}
