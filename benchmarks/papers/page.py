"""A page of results in Markdown, and the paragraph in it that people write."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

BEGIN, END = "<!-- written by hand; kept when the page is made again -->", "<!-- end -->"
UNWRITTEN = "Nobody has written down yet what of this agrees with the paper."


def write_page(
    path: Path, title: str, facts: Sequence[str], body: Sequence[str], command: Sequence[str]
) -> None:
    """Write the page; what stands between the marks in the one before stays.

    Parameters
    ----------
    path : Path
        The page.
    title : str
        Its heading.
    facts : sequence of str
        Lines on how the figures were made.
    body : sequence of str
        Lines of the tables.
    command : sequence of str
        The script's name and its arguments.
    """
    lines = [
        f"# {title}", "",
        f"Made by `python -m benchmarks.papers.{shlex.join(command)}`.", "",
        *facts, "",
        "## What agrees and what does not", "",
        BEGIN, kept_text(path), END, "",
        *body,
    ]  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    print(f"wrote {path}")


def kept_text(path: Path) -> str:
    """Return what stands between the marks of a page, or that nothing does."""
    before = path.read_text() if path.exists() else ""
    _, found, rest = before.partition(BEGIN)
    text = rest.partition(END)[0].strip() if found else ""
    return text or UNWRITTEN
