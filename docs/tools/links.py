"""Check the links of the built site, without a network: ``python -m docs.tools.links FOLDER``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """The links of a page and the places in it that links may name."""

    def __init__(self, path: Path):
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag's id and where it leads."""
        for name, value in attrs:
            if value and name in ("href", "src"):
                self.links.append(value)
            elif value and name == "id":
                self.places.add(value)


def broken(folder: Path) -> Iterator[str]:
    """Yield a sentence for each link that leads nowhere, or to another host for a page's parts."""
    pages = {path.resolve(): _Page(path) for path in sorted(folder.rglob("*.html"))}
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                yield f"{path}: {link} does not exist"
            places = pages[target].places if target in pages else {unquote(parts.fragment)}
            if parts.fragment and unquote(parts.fragment) not in places:
                yield f"{path}: {link} names no place of that page"


if __name__ == "__main__":
    found = list(broken(Path(sys.argv[1])))
    sys.stdout.writelines(f"{line}\n" for line in found)
    sys.exit(bool(found))
