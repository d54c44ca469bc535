"""The registries: every method loads, has its stage's signature and is written up."""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import qsmbids
from docs.tools import tables
from qsmbids.background import METHODS as BACKGROUND
from qsmbids.bids.names import desc_label
from qsmbids.cli.parser import parse
from qsmbids.errors import UsageError
from qsmbids.inversion import COMBINATIONS
from qsmbids.inversion import METHODS as INVERSION
from qsmbids.physics import forward_field
from qsmbids.registry import Method, Registry
from qsmbids.reports import methods_text
from qsmbids.reports.citations import CITATIONS

INVERSIONS = {**INVERSION, **COMBINATIONS}
CONTRIBUTING = Path(__file__).resolve().parents[2] / "CONTRIBUTING.md"
METHODS = [
    pytest.param(method, id=f"{option}-{name}")
    for option, registry in tables.registries().items()
    for name, method in registry.items()
]
MAPS = [pytest.param(m, id=name) for r in (BACKGROUND, INVERSION) for name, m in r.items()]


def example(data, *, voxel_size, radius=3.0, steps=7):
    """Stand for a method in the tests of the registry itself."""


@dataclass(frozen=True)
class Pair:
    """Options that several methods share."""

    b: int
    c: int


def grouped(data, *, a=1, pair=Pair(3, 4)):
    """Stand for a method whose options stand in a dataclass."""
    return data, a, pair


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
    first, *rest = inspect.signature(method.load()).parameters.values()
    assert first.name == "problem"
    assert first.kind is first.POSITIONAL_OR_KEYWORD
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in rest)


def test_every_option_of_a_dataclass_is_an_option_of_the_method():
    method = Method(f"{__name__}:grouped", "Example", "by example", preset={"b": 5})
    assert method.defaults() == {"a": 1, "b": 5, "c": 4}
    assert method.load()("data", c=6, a=0) == ("data", 0, Pair(5, 6))
    assert method.load()("data") == ("data", 1, Pair(5, 4))


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


@pytest.fixture
def added(monkeypatch):
    """The method of CONTRIBUTING, added as its text says: a file, and a line of the registry."""
    text = CONTRIBUTING.read_text("utf-8")
    file, line = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    module = ModuleType("qsmbids.inversion.wiener")
    exec(compile(file, "wiener.py", "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    [(name, method)] = eval("{" + line + "}", {"Method": Method}).items()
    monkeypatch.setitem(INVERSION, name, method)
    return name


def test_a_method_is_added_by_one_file_and_one_line(added, tmp_path):
    chi = np.zeros((24, 24, 24), dtype=np.float32)
    chi[9:14, 10:14, 11:15] = 0.1
    mask = np.ones(chi.shape, dtype=bool)
    field = forward_field(chi, (1.0, 1.0, 1.0))
    found = qsmbids.invert(field, mask, voxel_size=(1, 1, 1), units="ppm", method=added, noise=0.05)
    assert np.corrcoef(found.ravel(), chi.ravel())[0, 1] > 0.9
    command = [str(tmp_path), str(tmp_path / "out"), "participant", "--method", added]
    settings = parse([*command, "-w", "/w", "--option", f"{added}.noise=0.2"])
    assert settings.options == {added: {"noise": 0.2}}
    assert "by a Wiener filter (noise = 0.2) [2]" in methods_text(
        [{"Method": added, "Parameters": {"noise": 0.2}}]
    )
    assert any("Wiener filter | [Bilgic 2014]" in row for row in tables.methods())
