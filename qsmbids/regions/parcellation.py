"""Regions of a brain as one image of labels with their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Mask

Labels = NDArray[np.int32]

SIDES = ("left", "right")


@dataclass(frozen=True, eq=False)
class Parcellation:
    """Regions that do not overlap.

    Attributes
    ----------
    labels : (x, y, z) int32 array
        0 outside all regions.
    names : mapping of int to str
        Of each label, as `plain_name` writes them: ``"left caudate"``, ``"splenium"``.
    """

    labels: Labels
    names: Mapping[int, str]

    def find(self, name: str) -> list[int]:
        """Return the labels of a region; a name without a side means both sides."""
        wanted = plain_name(name)
        return [
            label for label, known in self.names.items() if wanted in (known, without_side(known))
        ]

    def where(self, name: str) -> Mask:
        """Return where a region is."""
        return np.isin(self.labels, self.find(name))


def plain_name(name: str) -> str:
    """Return a name as names are written here: lower case, words with spaces, British.

    >>> plain_name("Left-Cerebellum-Gray_Matter"), plain_name("Caudate_R")
    ('left cerebellum grey matter', 'right caudate')
    """
    words = name.lower().replace("_", " ").replace("-", " ").split()
    words = ["grey" if word == "gray" else word for word in words]
    for letters, side in ((("l", "lh"), "left"), (("r", "rh"), "right")):
        if words and words[-1] in letters:  # AAL and its like put the side last
            words = [side, *words[:-1]]
    return " ".join(words)


def without_side(name: str) -> str:
    """Return a region's name without the side on which it lies.

    >>> without_side("left red nucleus")
    'red nucleus'
    """
    side, _, rest = name.partition(" ")
    return rest if side in SIDES and rest else name
