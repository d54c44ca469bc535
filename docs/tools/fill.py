"""Pages are filled while they are read: what stands in the code is not written twice.

A line ``<!-- from the code: NAME -->`` of a page becomes what `PARTS` returns for NAME; a notebook
becomes a page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from sphinx.application import Sphinx

from docs.tools import functions, gallery, messages, notebook, tables

PARTS: dict[str, Callable[[], Iterable[str]]] = {
    "checks": messages.checks,
    "commands": tables.commands,
    "equations": functions.equations,
    "functions": functions.reference,
    "gallery": gallery.page,
    "messages": messages.messages,
    "methods": tables.methods,
    "options": tables.options,
    "recipes": tables.recipes,
    "warnings": messages.warnings,
}


def filled(text: str) -> str:
    """Return a page with its parts in their places; a `KeyError` for one that there is not."""
    pattern = r"^<!-- from the code: (\w+) -->$"
    return re.sub(pattern, lambda m: "\n".join(PARTS[m[1]]()), text, flags=re.MULTILINE)


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    is_notebook = str(app.env.doc2path(name)).endswith(".ipynb")
    source[0] = notebook.page(source[0]) if is_notebook else filled(source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Fill each page when it is read."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True}
