"""The parts of a head that are measured on their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from qsmbids.array_types import Mask
from qsmbids.regions.parcellation import plain_name
from qsmbids.simulation import TISSUES

# The 2019 challenge counts the thalamus, whose iron is little, among the tissue.
TISSUE = ("white matter", "grey matter", "thalamus")
NUCLEI = ("caudate", "putamen", "pallidum", "substantia nigra", "red nucleus", "dentate")


@dataclass(frozen=True, eq=False)
class Regions:
    """Masks of regions; one that a head does not have stays None.

    Attributes
    ----------
    tissue : (x, y, z) array_like, optional
        White matter and grey matter without the iron-rich nuclei.
    blood : (x, y, z) array_like, optional
        Veins; they are measured together with the voxels that touch them.
    calcification : (x, y, z) array_like, optional
        One calcification.
    nuclei : mapping of str to (x, y, z) array_like
        The iron-rich nuclei of the deep grey matter, by name.
    """

    tissue: ArrayLike | None = None
    blood: ArrayLike | None = None
    calcification: ArrayLike | None = None
    nuclei: Mapping[str, ArrayLike] = field(default_factory=dict)


def regions_of(labels: ArrayLike) -> Regions:
    """Return the regions of a simulated head.

    Parameters
    ----------
    labels : (x, y, z) array_like of int
        ``Head.labels``, the values of ``qsmbids.simulation.TISSUES``.
    """
    return regions_by_name(labels, {tissue.label: name for name, tissue in TISSUES.items()})


def regions_by_name(labels: ArrayLike, names: Mapping[int, str]) -> Regions:
    """Return the regions of a label image by the names of its labels.

    Parameters
    ----------
    labels : (x, y, z) array_like of int
        What each voxel is.
    names : mapping of int to str
        A label belongs to a region whose name stands in its own, as in ``Left-Putamen``; gray
        is grey, and capitals, dashes and underscores make no difference.

    Returns
    -------
    Regions
        A region of which there is no label is empty.
    """
    values = np.asarray(labels)
    plain = {label: f" {plain_name(name)}" for label, name in names.items()}

    def where(*wanted: str) -> Mask:
        kinds = [label for label, name in plain.items() if any(f" {one}" in name for one in wanted)]
        return np.isin(values, kinds)

    return Regions(
        tissue=where(*TISSUE),
        blood=where("vein"),
        calcification=where("calcification"),
        nuclei={name: where(name) for name in NUCLEI},
    )
