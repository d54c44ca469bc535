"""A notebook as a page: its text, its code, and what the code printed and drew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def page(text: str) -> str:
    """Return the Markdown of a notebook (nbformat 4) given as its JSON text."""
    return "\n\n".join(part for cell in json.loads(text)["cells"] for part in _parts(cell))


def _parts(cell: dict[str, Any]) -> Iterator[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] != "code":
        yield source
        return
    yield f"```python\n{source}\n```"
    for output in cell["outputs"]:
        data = output.get("data", {})
        if "image/png" in data:
            image = "".join(data["image/png"]).replace("\n", "")
            yield f'<img alt="What the code draws" src="data:image/png;base64,{image}">'
        elif said := "".join(output.get("text") or data.get("text/plain") or ()):
            yield f"```text\n{said.rstrip()}\n```"
