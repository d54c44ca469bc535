"""An image file read whole, unpacked by a library that is several times faster than Python's."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import nibabel as nib
from isal import igzip

_CHUNK = 1 << 22
_MOST_BEHIND = 1 << 24  # bytes behind the voxels


def load_whole(path: Path) -> Any:
    """Return a nibabel image whose file has been read to its end, so that its checksum is right.

    Raises
    ------
    One of ``UNREADABLE``
        If the file is damaged, forged or no image, see `qsmbids.bids.check`.
    """
    opener: Any = igzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as stream:
        header: Any = nib.load(path)
        size = math.prod(header.shape) * header.get_data_dtype().itemsize
        content = stream.read(int(header.dataobj.offset) + size)
        behind = 0
        while block := stream.read(_CHUNK):
            behind += len(block)
            if behind > _MOST_BEHIND:
                raise ValueError("much more data than its header tells")
    return type(header).from_bytes(content)
