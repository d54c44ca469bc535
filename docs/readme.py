"""Write the README's tables from the registries: ``make readme``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from qsmbids.cli.help_methods import SETTABLE, choice, registries
from qsmbids.options import as_text
from qsmbids.reports.citations import CITATIONS

README = Path(__file__).resolve().parents[1] / "README.md"


def methods() -> Iterator[str]:
    """Yield a row for each method: option, name, sources."""
    yield from ("| option | method | source |", "|---|---|---|")
    for option, registry in registries().items():
        for name, method in registry.items():
            sources = ", ".join(map(_source, method.citations))
            yield f"| `{choice(option, name)}` | {method.label} | {sources} |"


def options() -> Iterator[str]:
    """Yield a row for each method that has options: their names and defaults."""
    yield from ("| method | its options and their defaults |", "|---|---|")
    for option in SETTABLE:
        for name, method in registries()[option].items():
            own = ", ".join(f"`{key}={as_text(value)}`" for key, value in method.defaults().items())
            if own:
                yield f"| `{name}` | {own} |"


def _source(key: str) -> str:
    """Return a reference as first author and year, with its link if it has one."""
    citation = CITATIONS[key]
    author = re.match(r"(.+?) [A-Z]+\b", citation.text)
    year = re.search(r"\((\d{4})\)", citation.text)
    if not (author and year):
        raise ValueError(f"{key}: the text must begin with an author and hold the year in brackets")
    name = f"{author[1]} {year[1]}"
    return f"[{name}]({citation.url})" if citation.url else name


TABLES = {"methods": methods, "options": options}


def rendered(text: str) -> str:
    """Return the README with each block between ``<!-- NAME -->`` and ``<!-- end -->`` anew."""
    for name, rows in TABLES.items():
        block = "\n".join([f"<!-- {name}: written by make readme -->", "", *rows(), ""])
        pattern = rf"<!-- {name}: [^>]*-->.*?(?=<!-- end -->)"
        text, count = re.subn(pattern, lambda _, new=block: f"{new}\n", text, flags=re.DOTALL)
        assert count == 1, f"README.md needs one block {name}"
    return text


if __name__ == "__main__":
    README.write_text(rendered(README.read_text("utf-8")), encoding="utf-8")
    sys.stdout.write(f"{README} is up to date.\n")
