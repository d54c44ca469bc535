"""A slice of ``make fuzz``: the same cases at each run, and all that it ever found."""

from __future__ import annotations

import json
import logging
from collections import Counter
from typing import Any

import pytest

from qsmbids.workflows import locks
from tests.hostile.fuzz import try_surface
from tests.hostile.surfaces import surfaces
from tests.hostile.surfaces.commands import Inversion
from tests.hostile.surfaces.images import Forged, forge, plain
from tests.hostile.surfaces.stored import Lock
from tests.hostile.surfaces.surface import attempt

_EXAMPLES = 12
_NESTED = b'{"EchoTime": ' + b"[" * 5000


def _locked(**changes: Any) -> bytes:
    """Return the content of a lock of this process, with something changed."""
    owner = locks._myself()._replace(**changes)._asdict()
    return json.dumps({name.title(): value for name, value in owner.items()}).encode()


def _in_units(units: str, strength: str, time: str) -> Inversion:
    words = ["--units", units, "--field-strength", strength, "--echo-time", time]
    return Inversion("tkd", [], None, words, 1.0)


FOUND: list[tuple[str, Any]] = [
    # voxels that begin within the header: no error that nibabel had raised before
    ("header", Forged(forge(plain((4, 5, 3), "f4"), {"vox_offset": [0]}), False, None)),
    # a unit of length that there is not
    ("header", Forged(forge(plain((4, 5, 3), "f4"), {"xyzt_units": [-1]}), False, None)),
    # a digit that is no number ended the run of all
    ("name", [("1", ["echo-²_MEGRE.nii.gz"])]),
    # a name that clears the terminal
    ("name", [("\x1b[2J", [])]),
    ("filter file", _NESTED),
    ("filter file", b'{"series": {"run": {"a": 1}}}'),
    ("filter file", b'{"series": {"run": [[1]]}}'),
    ("filter file", b'{"series": {"run": 1' + b"0" * 400 + b"}}"),
    ("settings file", b"a=" + b"[" * 5000),
    ("plugin file", b'{"plugin": "MultiProc", "plugin_args": {"n_procs": 1e-300}}'),
    ("plugin file", b'{"plugin": "MultiProc", "plugin_args": {"memory_gb": .nan}}'),
    ("record", _NESTED),
    # units that divide by zero
    ("options and params", _in_units("Hz", "1e-320", "1")),
    ("options and params", _in_units("rad", "1e-300", "1e-300")),
    # a process that no system numbers
    ("lock", Lock(_locked(process=1 << 31), 0)),
]


@pytest.fixture(autouse=True)
def quiet() -> None:
    """Keep nibabel from telling of each forged header."""
    logging.getLogger("nibabel").setLevel(logging.CRITICAL + 1)


@pytest.mark.parametrize("name", surfaces())
def test_hostile_input_has_an_answer_or_a_sentence(name: str) -> None:
    surface, tried = surfaces()[name], Counter[str]()
    try_surface(surface, tried, examples=int(_EXAMPLES * surface.share))
    assert tried["inputs"] >= tried["cases"] > 0


@pytest.mark.parametrize(("name", "case"), FOUND)
def test_what_was_found_is_mended(name: str, case: Any) -> None:
    attempt(surfaces()[name], case)
