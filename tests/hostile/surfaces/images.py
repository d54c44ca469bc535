"""Images: forged and damaged headers, values that nothing measured has."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
from hypothesis import strategies as st

from qsmbids.bids import volume
from qsmbids.bids.check import read_grid
from qsmbids.errors import InputError
from qsmbids.interfaces.images import read_echoes, read_image
from tests.hostile.surfaces.surface import Surface
from tests.hostile.surfaces.values import damaged, numbers

_SHAPE = (4, 5, 3)
_FIELDS = {
    # offset and format of a field of a NIfTI-1 header, as the standard has them
    "sizeof_hdr": (0, "<i"),
    "dim": (40, "<8h"),
    "datatype": (70, "<h"),
    "bitpix": (72, "<h"),
    "pixdim": (76, "<8f"),
    "vox_offset": (108, "<f"),
    "scl_slope": (112, "<f"),
    "scl_inter": (116, "<f"),
    "xyzt_units": (123, "<b"),
    "qform_code": (252, "<h"),
    "sform_code": (254, "<h"),
    "quatern": (256, "<6f"),
    "srow": (280, "<12f"),
    "magic": (344, "4s"),
}


class Forged(NamedTuple):
    """An image file, and how many echo times are stated for it."""

    content: bytes
    packed: bool
    echoes: int | None


def plain(shape: tuple[int, ...], kind: str) -> bytes:
    data = np.arange(np.prod(shape)).reshape(shape).astype(kind)
    return bytes(nib.Nifti1Image(data, np.diag([1.0, 1.0, 2.0, 1.0])).to_bytes())


def forge(content: bytes, changes: dict[str, list[Any]]) -> bytes:
    """Return a file with fields of its header changed, as far as they take the values."""
    forged = bytearray(content)
    for name, values in changes.items():
        offset, kind = _FIELDS[name]
        if kind == "4s":
            forged[offset : offset + 4] = repr(values).encode()[:4].ljust(4)
            continue
        count, code = int(kind[1:-1] or 1), kind[-1]
        for place, value in enumerate(values[:count]):
            size = struct.calcsize(code)
            try:
                exact = value if code == "f" else int(value)
                struct.pack_into(f"<{code}", forged, offset + place * size, exact)
            except (struct.error, OverflowError, ValueError):
                continue
    return bytes(forged)


def _real(value: int | float) -> int | float:
    return value if abs(value) < 1e308 else float("inf")


_small = st.integers(-2, 6)
_values = st.lists(_small | numbers.map(_real) | st.integers(-(2**15), 2**15 - 1), max_size=12)
_changes = st.dictionaries(st.sampled_from(sorted(_FIELDS)), _values, max_size=4)
_plains = st.builds(
    plain,
    st.sampled_from([_SHAPE, (*_SHAPE, 2), (*_SHAPE, 1), _SHAPE[:2]]),
    st.sampled_from(["f4", "f8", "i2", "u1", "c8"]),
)
_headers = st.builds(forge, _plains, _changes)
_files = st.builds(
    Forged, _headers | _headers | damaged(_headers), st.booleans(), st.sampled_from([None, 1, 2])
)


def _read(case: Forged, box: Path) -> None:
    """Read the file in every way there is; what is returned is finite."""
    path = box / ("a.nii.gz" if case.packed else "a.nii")
    path.write_bytes(gzip.compress(case.content, 1) if case.packed else case.content)
    read_grid(path, path.name, case.echoes)
    for read in (read_image, read_echoes):
        try:
            data, affine = read(path)
        except InputError:
            continue
        assert np.isfinite(data).all()
        assert np.isfinite(affine).all()
    volume.read(path)


def _read_packed(content: bytes, box: Path) -> None:
    path = box / "a.nii.gz"
    path.write_bytes(content)
    read_grid(path, path.name)
    assert np.isfinite(read_image(path)[0]).all()


SURFACES = {
    "header": Surface(_files, _read, share=4),
    "gzip": Surface(damaged(_plains.map(gzip.compress)), _read_packed, share=2),
}
