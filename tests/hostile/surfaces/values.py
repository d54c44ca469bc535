"""Hostile values of which the surfaces make their cases."""

from __future__ import annotations

import json
import sys
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

PLANTED = (
    "!!python/object/apply:pathlib.Path.touch [executed]",
    "__import__('pathlib').Path('executed').touch()",
    "$(touch executed)",
    "`touch executed`",
    "; touch executed",
    "{{ ''.__class__ }}",
    "<script>alert(1)</script>",
    "../../../outside",
    "/proc/self/mem",
    "/dev/zero",
    "a\nb",
    "a\x00b",
    "\ud800",
    "²",
    "\u0661",
    "%s%n",
    "",
)
texts = st.sampled_from(PLANTED) | st.text(max_size=20)
numbers = (
    st.sampled_from(
        [
            *(0, -1, 1, 2, 3, 0.004, 1e-300, -1e-300, 1e300, -1e300, 2**31, 2**63, 2**64, 10**400),
            *(float("nan"), float("inf"), float("-inf"), -0.0, sys.float_info.min, 1e38, 3.5e38),
        ]
    )
    | st.floats()
    | st.integers()
)
scalars = st.none() | st.booleans() | numbers | texts
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def objects(known: dict[str, SearchStrategy[Any]]) -> SearchStrategy[dict[str, Any]]:
    """Return objects that have some of the known keys, each fit or hostile, and others."""
    fitted = {key: values | json_values for key, values in known.items()}
    return st.builds(
        lambda own, more: {**more, **own},
        st.fixed_dictionaries({}, optional=fitted),
        st.dictionaries(texts, json_values, max_size=2),
    )


def json_files(content: SearchStrategy[Any]) -> SearchStrategy[bytes]:
    """Return files that hold such content as JSON, damaged ones, and others."""
    whole = content.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
    nested = st.integers(1, 200_000).map(lambda depth: b'{"EchoTime": ' + b"[" * depth)
    digits = st.integers(1, 6000).map(lambda count: b'{"EchoTime": ' + b"9" * count + b"}")
    return st.one_of(whole, whole, whole, damaged(whole), nested, digits, st.binary(max_size=40))


def damaged(whole: SearchStrategy[bytes]) -> SearchStrategy[bytes]:
    """Return files that were cut, or of which some bytes were changed or put in."""
    place, block = st.floats(0, 1), st.binary(max_size=8)

    def spoil(content: bytes, edits: list[tuple[float, bytes, bool]], cut: float) -> bytes:
        for where, new, over in edits:
            start = int(where * len(content))
            content = content[:start] + new + content[start + len(new) * over :]
        return content[: int(cut * len(content)) + 1] if cut < 1 else content

    edits = st.lists(st.tuples(place, block, st.booleans()), max_size=3)
    return st.builds(spoil, whole, edits, st.just(1.0) | place)
