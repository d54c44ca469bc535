"""The registries: every method loads, has its stage's signature and is written up."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from qsmbids.background import METHODS as BACKGROUND
from qsmbids.bids.names import desc_label
from qsmbids.errors import UsageError
from qsmbids.inversion import COMBINATIONS
from qsmbids.inversion import METHODS as INVERSION
from qsmbids.masking import METHODS as MASKING
from qsmbids.phase import FITS, UNWRAPPING
from qsmbids.registry import COMMON, Method, Registry
from qsmbids.reports.citations import CITATIONS

INVERSIONS = {**INVERSION, **COMBINATIONS}
REGISTRIES = {
    "brain-extraction": MASKING,
    "unwrapping": UNWRAPPING,
    "fit": FITS,
    "background": BACKGROUND,
    "method": INVERSIONS,
}
METHODS = [
    pytest.param(method, id=f"{option}-{name}")
    for option, registry in REGISTRIES.items()
    for name, method in registry.items()
]
MAPS = [pytest.param(m, id=name) for r in (BACKGROUND, INVERSION) for name, m in r.items()]
README = Path(__file__).resolve().parents[2] / "README.md"


def example(data, *, voxel_size, weight=None, radius=3.0, steps=7):
    """Stand for a method in the tests of the registry itself."""


TARGET = f"{__name__}:example"


@pytest.mark.parametrize("method", METHODS)
def test_method_loads_and_is_written_up(method):
    assert callable(method.load())
    assert method.label
    assert re.match(r"(by|with|from|without) .*[^.]$", method.summary)
    assert method.citations
    assert set(method.citations) <= set(CITATIONS)


@pytest.mark.parametrize("method", MAPS)
def test_method_has_its_stages_signature(method):
    parameters = inspect.signature(method.load()).parameters
    assert list(parameters)[:2] == ["field", "mask"]
    common = {"voxel_size", "b0_dir", "weight"}
    assert common <= set(parameters)
    rest = [p for name, p in parameters.items() if name not in ("field", "mask")]
    assert all(p.kind is p.KEYWORD_ONLY for p in rest)
    assert set(method.defaults()) == {p.name for p in rest} - common - COMMON


def test_inversions_have_names_that_stay_apart_in_file_names():
    labels = [desc_label(name) for name in INVERSIONS]
    assert len(set(labels)) == len(INVERSIONS)


def test_defaults_are_the_methods_own_options():
    method = Method(TARGET, "Example", "by example")
    assert method.defaults() == {"radius": 3.0, "steps": 7}
    assert method.resolve({"steps": 9}) == {"radius": 3.0, "steps": 9}


def test_a_preset_is_another_default():
    method = Method(TARGET, "Example", "by example", preset={"steps": 2})
    assert method.defaults() == {"radius": 3.0, "steps": 2}
    assert method.load().keywords == {"steps": 2}


def test_unknown_option_names_those_that_exist():
    with pytest.raises(UsageError, match=r"Example has no option 'stesp'.*radius, steps"):
        Method(TARGET, "Example", "by example").resolve({"stesp": 9})


def test_unknown_method_names_those_that_exist():
    registry = Registry("inversion", {"one": Method(TARGET, "One", "by one")})
    with pytest.raises(UsageError, match=r"'two' is no inversion method; choose from: one\."):
        registry["two"]


def first_author(reference):
    """Return the surname that stands before the first initials."""
    return re.match(r"(.+?) [A-Z]+\b", reference)[1]


def source(key):
    """Return a reference as a row names it: with its link, if it has one."""
    name, url = f"{first_author(CITATIONS[key].text)} {key[-4:]}", CITATIONS[key].url
    return f"[{name}]({url})" if url else name


def table():
    """Return the rows that the README must have, one a method."""
    rows = []
    for option, registry in REGISTRIES.items():
        for name, method in registry.items():
            sources = ", ".join(map(source, method.citations))
            rows.append(f"| `--{option} {name}` | {method.label} | {sources} |")
    return rows


def test_readme_lists_the_methods_of_the_registries():
    lines = README.read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith("| `--")] == table()
