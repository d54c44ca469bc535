"""What the pages take from the code, the notebooks, and the check of the links."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

pytest.importorskip("sphinx")

from docs.tools import fill, functions, links, messages, notebook
from qsmbids.bids.sidecar import KINDS

DOCS = Path(__file__).resolve().parents[2] / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))


def test_every_part_stands_on_a_page() -> None:
    marks = re.compile(r"^<!-- from the code: (\w+) -->$", re.MULTILINE)
    used = [name for page in DOCS.glob("*.md") for name in marks.findall(page.read_text("utf-8"))]
    assert sorted(used) == sorted(fill.PARTS)


def test_a_part_that_there_is_not_is_an_error() -> None:
    with pytest.raises(KeyError):
        fill.filled("<!-- from the code: nothing -->")


def test_every_command_and_its_options_are_listed() -> None:
    text = fill.filled("<!-- from the code: commands -->")
    assert "## `qsmbids BIDS OUT participant`, `qsmbids BIDS OUT group`" in text
    assert "`--phase-sign` `{auto, positive, negative}`\n: does phase grow" in text
    assert all(f"## `{name}`" in text for name in ("qsmbids slurm", "qsmbids-dicom"))
    assert "%(default)s" not in text


def test_sentences_are_read_with_what_is_known_at_run_time_alone_in_italics() -> None:
    text = "\n".join(messages.messages())
    assert "- EchoTime is missing (or no number) for *name*; add it in seconds" in text
    assert "*\\_AGAIN*" not in text, "a module's own texts stand in the place of their names"


def test_every_check_says_what_to_do() -> None:
    text = "\n".join(messages.checks())
    assert "Tilt of B0\n: *above its range:* The field of the head fits another" in text


def test_warnings_are_whole_sentences() -> None:
    told = [line for line in messages.warnings() if line.startswith("- ")]
    assert any(line.startswith("- One echo only: ") for line in told)
    assert all(line.endswith(".") for line in told)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_output_is_on_its_page(kind: str) -> None:
    assert kind.split("_")[0] in (DOCS / "outputs.md").read_text("utf-8")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docker/README.md"])
def test_links_of_pages_that_stand_alone_lead_somewhere(page: str) -> None:
    path = DOCS.parent / page
    found = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8"))
    assert [link for link in found if not (path.parent / link).exists()] == []


PUBLIC = [
    getattr(import_module(module), name)
    for module, given in functions.STAGES.items()
    for name in given or import_module(module).__all__
]


@pytest.mark.parametrize("function", [each for each in PUBLIC if inspect.isfunction(each)])
def test_every_public_function_tells_its_parameters(function: Callable[..., object]) -> None:
    text = inspect.getdoc(function) or ""
    named = [p for p in inspect.signature(function).parameters.values() if p.kind != p.VAR_KEYWORD]
    assert [p.name for p in named if p.name not in text] == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="b.html#there">x</a><a href="https://x.org/">x</a>')
    (tmp_path / "b.html").write_text('<p id="there"></p>')
    assert list(links.broken(tmp_path)) == []
    (tmp_path / "b.html").write_text('<p id="here"></p><img src="none.png"><a href="#gone">x</a>')
    found = "\n".join(links.broken(tmp_path))
    assert [part in found for part in ("#there names", "none.png does", "#gone names")] == [
        True
    ] * 3


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    names: dict[str, object] = {}
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)


def test_a_notebook_becomes_a_page_with_what_its_code_said() -> None:
    said = {"cell_type": "code", "source": ["1 + 1"], "outputs": [{"data": {"text/plain": "2"}}]}
    cells = [{"cell_type": "markdown", "source": ["# Title"]}, said]
    page = notebook.page(json.dumps({"cells": cells}))
    assert page == "# Title\n\n```python\n1 + 1\n```\n\n```text\n2\n```"
