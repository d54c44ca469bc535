"""Where an image lies, from its header."""

from __future__ import annotations

import contextlib
from typing import Any

from nibabel.spatialimages import HeaderDataError

from qsmbids.physics.geometry import Placement, in_millimetres, place


def placement_of(image: Any) -> Placement:
    """Return the affine of a NIfTI image in mm, B0 where another matrix tells it, and doubts.

    Parameters
    ----------
    image : nibabel image

    Raises
    ------
    ValueError
        If the voxels are of no possible size, or not at right angles.
    """
    header = image.header
    affine, doubts = in_millimetres(image.affine, header.get_xyzt_units()[0])
    codes = int(header["sform_code"]), int(header["qform_code"])
    other = None
    if all(code > 0 for code in codes):
        with contextlib.suppress(HeaderDataError):  # a qform that is no rotation is not used
            other, _ = in_millimetres(image.get_qform(), header.get_xyzt_units()[0])
    found = place(affine, other, codes)
    return found._replace(warnings=doubts + found.warnings)
